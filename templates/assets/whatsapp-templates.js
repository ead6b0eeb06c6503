// The form of a WhatsApp template: what it will look like, and a field for an
// example of each variable.
const form = document.getElementById('template-form');
const preview = document.getElementById('preview');
const samples = document.getElementById('samples');

function names(text) {
	return [...new Set([...text.matchAll(/\{\{\s*([A-Za-z0-9_]+)\s*\}\}/g)].map((m) => m[1]))];
}

function add(parent, tag, text, className) {
	if (!text) return;
	const node = document.createElement(tag);
	node.textContent = text;
	if (className) node.className = className;
	parent.append(node);
}

function sampleField(part, name) {
	const id = `sample.${part}.${name}`;
	if (document.getElementById(id)) return;
	const field = document.createElement('div');
	field.className = 'field';
	const label = document.createElement('label');
	label.className = 'form-label';
	label.htmlFor = id;
	label.textContent = `${samples.dataset.textLabel} {{${name}}}`;
	const input = document.createElement('input');
	Object.assign(input, { id, name: id, className: 'form-control', maxLength: 200, dir: 'auto' });
	field.append(label, input);
	samples.append(field);
}

function fill(text, part) {
	return text.replace(/\{\{\s*([A-Za-z0-9_]+)\s*\}\}/g, (all, name) => document.getElementById(`sample.${part}.${name}`)?.value || all);
}

function show() {
	const value = (name) => form.elements[name]?.value || '';
	const wanted = new Set();
	const heading = value('header_format') === 'TEXT' ? value('header') : '';
	for (const [part, text] of [['header', heading], ['body', value('body')]])
		for (const name of names(text)) {
			wanted.add(`sample.${part}.${name}`);
			sampleField(part, name);
		}
	for (const input of samples.querySelectorAll('input')) if (!wanted.has(input.id)) input.parentElement.remove();
	preview.replaceChildren();
	add(preview, 'strong', fill(heading, 'header'));
	if (value('header_format') && value('header_format') !== 'TEXT') add(preview, 'span', `[${value('header_format')}]`, 'muted wt-media');
	add(preview, 'p', fill(value('body'), 'body'));
	add(preview, 'small', value('footer'), 'muted');
	for (const n of [1, 2, 3]) add(preview, 'span', value(`button_text_${n}`), 'wt-button');
}

form?.addEventListener('input', show);
if (form) show();

# Catalogues of translations: those of a language, one per module, joined.
PO_LANGUAGES = ar
catalogues:
	@for l in $(PO_LANGUAGES); do \
		d=$(srcdir)/templates/po/$$l; mo=$$d/LC_MESSAGES/kontor.mo; \
		test -e $$mo && test -z "`find $$d -name '*.po' -newer $$mo`" && continue; \
		$(MKDIR_P) $$d/LC_MESSAGES && msgcat --use-first $$d/*.po -o $$mo.po && \
		msgfmt --check-format -o $$mo.new $$mo.po && rm $$mo.po && mv $$mo.new $$mo || exit 1; \
	done
all-local: catalogues
.PHONY: catalogues

// A real OpenID Connect provider (npm: oidc-provider) with a few accounts;
// started by oidc.t: node oidc_provider.mjs PORT REDIRECT_URI FIRST_ADDRESS.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(new URL('../pages/package.json', import.meta.url));
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href);
const [port, redirect, jane] = process.argv.slice(2);

const people = {
	ada: { email: 'ada@provider.example', email_verified: true, given_name: 'Ada', family_name: 'Byron' },
	eve: { email: 'eve@provider.example', email_verified: false, given_name: 'Eve' },
	jane: { email: jane, email_verified: true, given_name: 'Jane' },
	nobody: { given_name: 'No address' },
};
const client = id => ({ client_id: id, client_secret: `secret of ${id} +%&`, redirect_uris: [redirect] });

const provider = new Provider(`http://127.0.0.1:${port}`, {
	clients: [client('kontor'), { ...client('kontor-post'), token_endpoint_auth_method: 'client_secret_post' }],
	claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['given_name', 'family_name', 'name'] },
	pkce: { required: () => true },
	features: { devInteractions: { enabled: true } },
	cookies: { keys: ['test'] },
	findAccount: (ctx, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
});
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));

/* crypto/: published vectors and round trips. */
#include "t/unit/tap.h"

#include "crypto/crypto.h"

int main(void)
{
	struct arena *a = arena_new();
	const unsigned char key[32] = { 1 };
	bool expired;

	crypto_key_set(key);
	is_sv(crypto_open(a, SV("c"), crypto_seal(a, SV("c"), SV("secret"))), SV("secret"), "seal");
	is_sv(crypto_jwt_open(a, crypto_jwt_sign(a, SV("{\"sub\":1}")), &expired),
	      SV("{\"sub\":1}"), "jwt");
	arena_free(a);
	return tap_done();
}

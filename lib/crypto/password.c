#include "crypto/crypto.h"
#include "crypto/internal.h"

#include <argon2.h>

/* OWASP's recommendation for argon2id. */
#define MEMORY_KIB 19456
#define PASSES 2
#define LANES 1
#define SALT_SIZE 16
#define HASH_SIZE 32

struct sv crypto_password_hash(struct arena *a, struct sv password)
{
	size_t size = argon2_encodedlen(PASSES, MEMORY_KIB, LANES, SALT_SIZE, HASH_SIZE, Argon2_id);
	unsigned char salt[SALT_SIZE];
	char *phc = arena_alloc(a, size);

	crypto_random(salt, sizeof(salt));
	if (argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password.p ? password.p : "",
				  password.n, salt, sizeof(salt), HASH_SIZE, phc, size))
		crypto_broken("argon2 failed");
	return sv_from(phc);
}

/* As much work as a true check, for accounts that do not exist: the time of
 * the answer must not tell which e-mail addresses are known. */
static void check_nothing(struct sv password)
{
	static const unsigned char salt[SALT_SIZE];
	unsigned char hash[HASH_SIZE];

	if (argon2id_hash_raw(PASSES, MEMORY_KIB, LANES, password.p ? password.p : "", password.n,
			      salt, sizeof(salt), hash, sizeof(hash)))
		crypto_broken("argon2 failed");
}

bool crypto_password_check(struct sv phc, struct sv password)
{
	struct arena *a;
	bool right;

	if (!phc.n) {
		check_nothing(password);
		return false;
	}
	if (!sv_starts(phc, SV("$argon2id$")))
		return false;
	a = arena_new();
	right = argon2id_verify(arena_dup(a, phc), password.p ? password.p : "", password.n) ==
		ARGON2_OK;
	arena_free(a);
	return right;
}

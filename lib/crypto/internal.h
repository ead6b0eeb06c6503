/* What the files of crypto/ share among themselves. */
#ifndef CRYPTO_INTERNAL_H
#define CRYPTO_INTERNAL_H

/* Say what the machine cannot do, and abort. */
void crypto_broken(const char *what) __attribute__((noreturn));

#endif

/*
 * Names without regard to case: Latin, Greek and Cyrillic (the letters of two bytes in UTF-8), so
 * that a search does not depend on the locale that a program runs in. Private to store/.
 */
#ifndef KF_STORE_FOLD_H
#define KF_STORE_FOLD_H

/* Reads a character of *text, folded, or a byte of what is no letter of two bytes. 0: the end. */
unsigned kf_fold_next(const char **text, const char *end);

#endif

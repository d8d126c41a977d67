/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sanitized.h - whether this is built with AddressSanitizer, which has a
 * malloc() of its own, and needs more memory than a helper may have. */
#ifndef SANITIZED_H
#define SANITIZED_H

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#endif

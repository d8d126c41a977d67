/* SPDX-License-Identifier: GPL-2.0-or-later */
/* begin.c - what is linked behind it is ours. */
#include "torture.h"

void
torture_begin(void)
{
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* end.c - what is linked behind it is not ours. */
#include "torture.h"

void
torture_end(void)
{
}

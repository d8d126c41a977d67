# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of the test world: real servers and a real Exim, each small."""

#!/bin/sh
# Stands in for Python where rhizome bench learn is tested: it says what the test has it say, of itself and of its loops.
case "$1" in
-c) said=$STAND_IN_ABOUT ;;
*) said=$STAND_IN_LOOPS ;;
esac
if [ -z "$said" ]; then
	printf 'Traceback:\n  line 1\nModuleNotFoundError: no torch\n' >&2
	exit 1
fi
printf '%s\n' "$said"

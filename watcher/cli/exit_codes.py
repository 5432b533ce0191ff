"""The exit codes of every command."""

EXIT_OK = 0
EXIT_FINDINGS = 1  # a finding, a failed test, a refused message, something that needs attention
EXIT_WRONG = 2  # wrong usage, settings or rules
EXIT_UNREACHABLE = 3  # the cluster does not answer or refuses
EXIT_INTERRUPTED = 130  # Ctrl-C

"""Gates for CI: did the energy of a test rise? Records of tests, their history, and verdicts."""

/* The simulated NVML of tests/simulators with the two more queries that peers make.
 *
 * zeus asks for the architecture and reads the counter of Volta (5) and newer: a board whose counter answers Not Supported calls itself
 * Pascal (4), so that zeus goes the way that it has for boards without one.
 */
#include "../../tests/simulators/nvmlsim.c"

enum { PASCAL = 4, VOLTA = 5, AMPERE = 7 };

PROVENANCE(nvmlDeviceGetArchitecture, (device d, u32 *which), *which = refusal(g, ENERGY) == UNSUPPORTED ? PASCAL : g->cc < 8.0 ? VOLTA : AMPERE)
PROVENANCE(nvmlDeviceGetUtilizationRates, (device d, u32 *percent), percent[0] = 50; percent[1] = 20)

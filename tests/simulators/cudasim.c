/*
 * A stand-in for libcuda.so.1: boards draw power while a kernel runs, so that the simulated NVML can
 * follow the kernels.
 *
 * cuInit reads the file named by CUDASIM. A line describes a board: `UUID PCI-BUS-ID TRACE IDLE_W
 * BUSY_W`. TRACE is the file that nvmlsim.c follows (trace=FILE): every launch writes the start and
 * the end of its power into TRACE. A launch takes 1 us for each turn of the kernel's loop. Events tell the
 * time of a clock of the board, which is 60 ppm faster than the host's and cannot be read. Errors are:
 * a kernel whose PTX has no entry `load`, a launch before the kernel was loaded, an unknown board, the time of
 * an event that is not over, was not recorded, or was created without timing.
 * A line `init=RC` makes cuInit answer RC; `refuses=TARGET` makes the load of PTX for TARGET fail.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define MAX_BOARDS 16
#define TURN_S 1e-6
#define BOARD_RATE (1 + 60e-6)
#define DISABLE_TIMING 2
enum { OK = 0, INVALID_VALUE = 1, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_DEVICE = 101, INVALID_PTX = 218, INVALID_HANDLE = 400, NOT_FOUND = 500, NOT_READY = 600 };

typedef struct { char uuid[96], pci[32], trace[512]; double idle_w, busy_w, busy_until; } board;
static board boards[MAX_BOARDS];
static int count, started, init_answer, current = -1, loaded;
static char refused[32];
typedef struct { double at; unsigned flags; int recorded; } event;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void wait_until(double t) {
    double left = t - now();
    if (left <= 0) return;
    struct timespec s = {(time_t)left, (long)((left - (time_t)left) * 1e9)};
    nanosleep(&s, NULL);
}

/* A launch of `seconds` on the idle board now, or after the launches before it. The file is locked from the look at
 * the clock to the last character, so that a sensor that is read later sees the launch. */
static int draw(board *b, double seconds) {
    FILE *file = fopen(b->trace, "a");
    if (!file) return INVALID_VALUE;
    flock(fileno(file), LOCK_EX);
    double t = now(), from = b->busy_until > t ? b->busy_until : t;
    b->busy_until = from + seconds;
    fprintf(file, "%.6f %.3f\n%.6f %.3f\n", from, b->busy_w, b->busy_until, b->idle_w);
    fclose(file);
    return OK;
}

int cuInit(unsigned flags) {
    const char *path = getenv("CUDASIM");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[1024];
    if (flags) return INVALID_VALUE;
    count = 0;
    while (file && fgets(line, sizeof line, file)) {
        board *b = &boards[count];
        if (sscanf(line, "init=%d", &init_answer) == 1 || sscanf(line, "refuses=%31s", refused) == 1) continue;
        if (count < MAX_BOARDS && sscanf(line, "%95s %31s %511s %lf %lf", b->uuid, b->pci, b->trace, &b->idle_w, &b->busy_w) == 5) count++;
    }
    if (file) fclose(file);
    if (!init_answer) started = 1;
    return init_answer ? init_answer : count ? OK : NO_DEVICE;
}
int cuGetErrorString(int code, const char **text) { *text = code == NO_DEVICE ? "no CUDA-capable device is detected" : "simulated failure"; return OK; }

int cuDeviceGetCount(int *n) { if (!started) return NOT_INITIALIZED; *n = count; return OK; }
int cuDeviceGet(int *device, int i) { if (i < 0 || i >= count) return INVALID_DEVICE; *device = i; return OK; }
int cuDeviceGetUuid(unsigned char *raw, int device) {
    const char *c = boards[device].uuid;
    if (!strncmp(c, "GPU-", 4)) c += 4;
    for (int i = 0; i < 16; i++, c += 2) { unsigned x; if (*c == '-') c++; if (sscanf(c, "%2x", &x) != 1) return INVALID_VALUE; raw[i] = (unsigned char)x; }
    return OK;
}
int cuDeviceGetPCIBusId(char *text, int size, int device) { snprintf(text, (size_t)size, "%s", boards[device].pci); return OK; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { if (attribute != 16 || device >= count) return INVALID_VALUE; *value = 98; return OK; }
int cuDevicePrimaryCtxRetain(void **context, int device) { if (device < 0 || device >= count) return INVALID_DEVICE; *context = &boards[device]; return OK; }
int cuCtxSetCurrent(void *context) { current = (int)((board *)context - boards); return OK; }

int cuModuleLoadData(void **module, const char *text) {
    if (refused[0] && strstr(text, refused)) return INVALID_PTX;
    if (current < 0 || !strstr(text, ".entry load(")) return INVALID_PTX;
    *module = &loaded;
    return OK;
}
int cuModuleGetFunction(void **function, void *module, const char *name) {
    if (module != &loaded || strcmp(name, "load")) return NOT_FOUND;
    loaded = 1;
    *function = &loaded;
    return OK;
}
int cuMemAlloc_v2(uint64_t *at, size_t size) { *at = 0x7f0000000000u + size; return OK; }
int cuEventCreate(void **made, unsigned flags) { event *e = calloc(1, sizeof(event)); e->flags = flags; *made = e; return OK; }

int cuLaunchKernel(void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *stream, void **args, void **extra) {
    if (f != &loaded || !loaded || !args || !*(uint64_t *)args[0] || gx * gy * gz == 0 || bx * by * bz > 1024 || shared || stream || extra) return INVALID_VALUE;
    board *b = &boards[current];
    return draw(b, *(uint32_t *)args[1] * TURN_S);
}
int cuEventRecord(void *made, void *stream) {
    event *e = made;
    double t = now(), free = boards[current].busy_until;
    (void)stream; e->at = free > t ? free : t; e->recorded = 1;
    return OK;
}
int cuEventElapsedTime(float *ms, void *from, void *to) {
    event *a = from, *b = to;
    if (!a->recorded || !b->recorded || (a->flags | b->flags) & DISABLE_TIMING) return INVALID_HANDLE;
    if (now() < a->at || now() < b->at) return NOT_READY;
    *ms = (float)((b->at - a->at) * BOARD_RATE * 1e3);
    return OK;
}
int cuEventSynchronize(void *made) { wait_until(((event *)made)->at); return OK; }
int cuCtxSynchronize(void) { wait_until(boards[current].busy_until); return OK; }

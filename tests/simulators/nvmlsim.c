/*
 * A stand-in for libnvidia-ml.so.1: GPUs follow a known power waveform, so that the true energy is known.
 *
 * nvmlInit reads the file named by NVMLSIM. Lines are `key=value` for every GPU or `gpu2.key=value` for GPU 2:
 *
 *   count=4  init=RC              number of GPUs; answer of nvmlInit (18: driver and library differ, 9: no driver)
 *   seed=N                        of the random phases, in place of NVMLSIM_SEED
 *   name=  uuid=  serial=  cc=8.0  limit=400  mem_mib=40960  ecc=1  throttle=0
 *   wave=const,W | square,LO,HI,PERIOD_S,DUTY | sine,MEAN,AMPLITUDE,PERIOD_S
 *   trace=FILE                    lines "T WATTS", T in CLOCK_BOOTTIME seconds; lines may be appended during a run; a line
 *                                 replaces the earlier lines from its time on
 *   period_ms=100 window_ms=25    every period the power sensor publishes the mean over the window that ends then
 *   phase_ms=N|random  lag_ms=0   random: from NVMLSIM_SEED, with a different phase for every GPU
 *   gain=1 offset_w=0             gain and offset of the power reading
 *   energy_ms=20 energy_gain=1    publishing period and gain of the counter
 *   energy_from=truth|samples     the counter integrates the true power, or adds up the samples of the power sensor
 *   latency_us=0                  sleep of a call that reads power or energy
 *   module_w=0  memory_share=0    scope MODULE = GPU + module_w; scope MEMORY = memory_share of the GPU (0: scope not supported)
 *   ignores_scope=0  counter_of=gpu|module
 *   mig=14,28                     MIG is on, with an instance of 14 and an instance of 28 multiprocessors (of 98)
 *   unsupported=83:186 | all      fields and the older queries of the fields answer Not Supported
 *   no_fields=1                   the query of fields answers Not Supported
 *   refuse=1  denied=1            provenance queries, or every query of the device, answer No Permission
 *   fault=RC,FROM_S,TO_S          power and energy answer RC (3 not supported, 4 no permission, 15 lost); FROM_S and TO_S
 *                                 are seconds after nvmlInit, here and below
 *   begins=FILE                   FROM_S and TO_S are seconds after FILE was written, for all GPUs; without FILE nothing has begun
 *   heat=C0,C1,FROM_S,TO_S        the temperature, 45 °C by default, rises from C0 to C1
 *   clock=M0,M1,FROM_S,TO_S       the SM clock changes from M0 to M1 MHz
 *   throttle_during=MASK,FROM_S,TO_S    throttle reasons in the span; `throttle` at other times
 *   process=PID,FROM_S,TO_S       a compute process (up to 4 lines)
 *   state_latency_us=0            sleep of a query of temperature, clock, throttle reasons or processes
 *   field_fault=FIELD,RC,FROM_S,TO_S    a single field answers RC      zero=FROM_S,TO_S    power reads 0 mW
 *   spike=W,FROM_S,TO_S           power reads W
 *   stuck=AT_S  reset=AT_S        the counter stands still, or starts again from zero
 *   back=J,AT_S  jump=J,AT_S      the counter steps back, or forward
 *   hang=AT_S                     a call that reads power or energy never returns; $NVMLSIM_INIT_HANG: nvmlInit never does
 *   nolimit=1                     the queries of power limits answer Not Supported
 *   limit_file=FILE               watts of the enforced limit, as nvidia_smi.sh writes them; without FILE it is `limit`
 *   lost=1                        the handle of the board answers GPU Is Lost
 *
 * NVMLSIM_BOARDS=2,3 hides all other boards, as a control group of devices does: board 2 then has index 0. `none` hides all.
 */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define MAX_GPUS 16
#define MAX_INSTANCES 7
#define WHOLE_SMS 98
enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, UNSUPPORTED = 3, NO_PERMISSION = 4, NOT_FOUND = 6, LOST = 15 };
enum { CONST, SQUARE, SINE, TRACE };
enum { ENERGY = 83, AVERAGE = 185, INSTANT = 186 };
enum { SCOPE_GPU, SCOPE_MODULE, SCOPE_MEMORY };

struct gpu;
typedef struct { struct gpu *parent; unsigned sms, number; } instance;
typedef struct gpu {
    int wave; double a, b, wave_period, duty;                      /* watts and seconds */
    char name[96], uuid[96], serial[32], trace[512], limit_file[512], unsupported[64];
    double cc, limit, mem_mib, period, window, phase, lag, gain, offset, energy_period, energy_gain, latency, module_w, memory_share;
    double fault[3], field_fault[4], zero[2], spike[3], stuck, hang, back[2], jump[2], reset, nolimit, lost;
    uint64_t stuck_mj, reset_mj; int is_stuck, was_reset;
    double heat[4], clock[4], throttle_during[3], process[4][3], state_latency; unsigned processes;
    double ecc, throttle, ignores_scope, no_fields, refuse, denied;
    int from_samples, counter_of_module;
    unsigned instances; instance mig[MAX_INSTANCES];
    long long last_sample; double sampled_j;                       /* the counter that integrates samples */
    struct step { double t, w, j; } *steps; size_t n, room; long trace_at;     /* j: joules up to t */
} gpu;

static gpu gpus[MAX_GPUS];
static unsigned count, shown[MAX_GPUS], shown_count;
static int started, init_answer;
static double started_at;
static char begins[512], seed[16];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

/* ---------------------------------------------------------------- configuration */

static void set_wave(gpu *g, const char *value) {
    double x[4] = {0, 0, 1, 0.5};
    const char *numbers = strchr(value, ',');
    if (numbers) sscanf(numbers + 1, "%lf,%lf,%lf,%lf", x, x + 1, x + 2, x + 3);
    g->wave = !strncmp(value, "square", 6) ? SQUARE : !strncmp(value, "sine", 4) ? SINE : CONST;
    g->a = x[0], g->b = x[1], g->wave_period = x[2], g->duty = x[3];
}

static void set_mig(gpu *g, const char *value) {
    for (g->instances = 0; value && *value && g->instances < MAX_INSTANCES; g->instances++) {
        g->mig[g->instances] = (instance){g, (unsigned)atoi(value), g->instances};
        if ((value = strchr(value, ','))) value++;
    }
}

static const struct { const char *key; size_t at; double scale; } numbers[] = {
    #define NUMBER(key, field, scale) {key, offsetof(gpu, field), scale}
    NUMBER("period_ms", period, 1e-3), NUMBER("window_ms", window, 1e-3), NUMBER("lag_ms", lag, 1e-3), NUMBER("energy_ms", energy_period, 1e-3),
    NUMBER("latency_us", latency, 1e-6), NUMBER("state_latency_us", state_latency, 1e-6), NUMBER("gain", gain, 1), NUMBER("energy_gain", energy_gain, 1), NUMBER("offset_w", offset, 1),
    NUMBER("limit", limit, 1), NUMBER("cc", cc, 1), NUMBER("mem_mib", mem_mib, 1), NUMBER("module_w", module_w, 1),
    NUMBER("memory_share", memory_share, 1), NUMBER("ecc", ecc, 1), NUMBER("throttle", throttle, 1), NUMBER("refuse", refuse, 1),
    NUMBER("denied", denied, 1), NUMBER("ignores_scope", ignores_scope, 1), NUMBER("no_fields", no_fields, 1),
    NUMBER("nolimit", nolimit, 1), NUMBER("lost", lost, 1),
};

static void set(gpu *g, const char *key, const char *value) {
    double x = atof(value);
    #define IS(word) else if (!strcmp(key, word))
    if (!strcmp(key, "wave")) set_wave(g, value);
    IS("name") snprintf(g->name, sizeof g->name, "%s", value);
    IS("uuid") snprintf(g->uuid, sizeof g->uuid, "%s", value);
    IS("serial") snprintf(g->serial, sizeof g->serial, "%s", value);
    IS("unsupported") snprintf(g->unsupported, sizeof g->unsupported, ":%s:", value);
    IS("trace") { snprintf(g->trace, sizeof g->trace, "%s", value); g->wave = TRACE; }
    IS("limit_file") snprintf(g->limit_file, sizeof g->limit_file, "%s", value);
    IS("phase_ms") g->phase = strcmp(value, "random") ? x / 1e3 : -1;
    IS("energy_from") g->from_samples = !strcmp(value, "samples");
    IS("counter_of") g->counter_of_module = !strcmp(value, "module");
    IS("mig") set_mig(g, value);
    IS("fault") sscanf(value, "%lf,%lf,%lf", g->fault, g->fault + 1, g->fault + 2);
    IS("heat") sscanf(value, "%lf,%lf,%lf,%lf", g->heat, g->heat + 1, g->heat + 2, g->heat + 3);
    IS("clock") sscanf(value, "%lf,%lf,%lf,%lf", g->clock, g->clock + 1, g->clock + 2, g->clock + 3);
    IS("throttle_during") sscanf(value, "%lf,%lf,%lf", g->throttle_during, g->throttle_during + 1, g->throttle_during + 2);
    IS("process") { double *p = g->process[g->processes++ % 4]; sscanf(value, "%lf,%lf,%lf", p, p + 1, p + 2); }
    IS("spike") sscanf(value, "%lf,%lf,%lf", g->spike, g->spike + 1, g->spike + 2);
    IS("stuck") g->stuck = x + 1e-9;                               /* 0 is a time, too */
    IS("hang") g->hang = x + 1e-9;
    IS("reset") g->reset = x + 1e-9;
    IS("back") sscanf(value, "%lf,%lf", g->back, g->back + 1);
    IS("jump") sscanf(value, "%lf,%lf", g->jump, g->jump + 1);
    IS("zero") sscanf(value, "%lf,%lf", g->zero, g->zero + 1);
    IS("field_fault") sscanf(value, "%lf,%lf,%lf,%lf", g->field_fault, g->field_fault + 1, g->field_fault + 2, g->field_fault + 3);
    else {
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            if (!strcmp(key, numbers[i].key)) { *(double *)((char *)g + numbers[i].at) = x * numbers[i].scale; return; }
        fprintf(stderr, "nvmlsim: unknown key %s\n", key);
        abort();
    }
}

static double random_phase(unsigned number, double period) {
    const char *written = seed[0] ? seed : getenv("NVMLSIM_SEED");
    unsigned x = (written ? (unsigned)atoi(written) : 1) * 2654435761u + (number + 1) * 40503u;
    x ^= x >> 13; x *= 2246822519u; x ^= x >> 16;
    return x % 1000 / 1e3 * period;
}

static void show(const char *boards) {
    shown_count = 0;
    for (unsigned i = 0; !boards && i < count; i++) shown[shown_count++] = i;
    for (int number, length; boards && sscanf(boards, "%d%n", &number, &length) == 1; boards += length + (boards[length] == ','))
        if (number >= 0 && (unsigned)number < count && shown_count < MAX_GPUS) shown[shown_count++] = (unsigned)number;
}

static int is_shown(const gpu *g) {
    for (unsigned i = 0; i < shown_count; i++) if (g == &gpus[shown[i]]) return 1;
    return 0;
}

static void configure(void) {
    count = 4; init_answer = OK;
    for (unsigned i = 0; i < MAX_GPUS; i++) {
        gpus[i] = (gpu){.a = 60, .gain = 1, .energy_gain = -1, .limit = 400, .cc = 8.0, .mem_mib = 40960, .period = 0.1, .window = 0.025,
                        .energy_period = 0.02, .wave_period = 1, .ecc = 1, .heat = {45, 45, 0, 1}, .clock = {1095, 1095, 0, 1}, .last_sample = -1, .name = "NVIDIA A100-SXM4-40GB (simulated)"};
        snprintf(gpus[i].uuid, sizeof gpus[i].uuid, "GPU-5eed%04x-0000-0000-0000-%012x", i, i);
        snprintf(gpus[i].serial, sizeof gpus[i].serial, "15600000000%02u", i);
    }
    const char *path = getenv("NVMLSIM");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[1024];
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\r\n#")] = 0;
        char *value = strchr(line, '=');
        if (!value) continue;
        *value++ = 0;
        int number, key = 0;
        if (!strcmp(line, "count")) count = atoi(value) < MAX_GPUS ? (unsigned)atoi(value) : MAX_GPUS;
        else if (!strcmp(line, "seed")) snprintf(seed, sizeof seed, "%s", value);
        else if (!strcmp(line, "begins")) snprintf(begins, sizeof begins, "%s", value);
        else if (!strcmp(line, "init")) init_answer = atoi(value);
        else if (sscanf(line, "gpu%d.%n", &number, &key) == 1 && key && number >= 0 && number < MAX_GPUS) set(&gpus[number], line + key, value);
        else for (int i = 0; i < MAX_GPUS; i++) set(&gpus[i], line, value);
    }
    if (file) fclose(file);
    for (unsigned i = 0; i < MAX_GPUS; i++) {
        if (gpus[i].energy_gain < 0) gpus[i].energy_gain = gpus[i].gain;
        if (gpus[i].phase < 0) gpus[i].phase = random_phase(i, gpus[i].period);
    }
    show(getenv("NVMLSIM_BOARDS"));
}

/* ---------------------------------------------------------------- true power, and readings of the sensors */

static void take_in_trace(gpu *g) {
    FILE *file = fopen(g->trace, "r");
    char line[128];
    double t, w;
    if (!file) return;
    flock(fileno(file), LOCK_SH);                                  /* a launch that has begun is written: see cudasim.c */
    fseek(file, g->trace_at, SEEK_SET);
    while (fgets(line, sizeof line, file) && strchr(line, '\n')) {
        g->trace_at = ftell(file);
        if (sscanf(line, "%lf %lf", &t, &w) != 2) continue;
        while (g->n && g->steps[g->n - 1].t >= t) g->n--;
        if (g->n == g->room) g->steps = realloc(g->steps, (g->room = g->room ? 2 * g->room : 256) * sizeof *g->steps);
        struct step *last = g->n ? &g->steps[g->n - 1] : NULL;
        g->steps[g->n++] = (struct step){t, w, last ? last->j + last->w * (t - last->t) : 0};
    }
    fclose(file);
}

static double true_j(gpu *g, double t) {                           /* since boot */
    if (g->wave == CONST) return g->a * t;
    if (g->wave == SQUARE) {
        double periods = floor(t / g->wave_period), on = g->duty * g->wave_period, rest = t - periods * g->wave_period;
        double high = periods * on + fmin(rest, on);
        return g->b * high + g->a * (t - high);
    }
    if (g->wave == SINE) return g->a * t + g->b * g->wave_period / (2 * M_PI) * (1 - cos(2 * M_PI * t / g->wave_period));
    take_in_trace(g);
    if (!g->n || t <= g->steps[0].t) return 0;
    size_t low = 0, high = g->n;
    while (high - low > 1) { size_t middle = (low + high) / 2; if (g->steps[middle].t <= t) low = middle; else high = middle; }
    return g->steps[low].j + g->steps[low].w * (t - g->steps[low].t);
}

static double published(gpu *g, double period) {                   /* time of the newest publication */
    double t = now();
    return period > 0 ? floor((t - g->phase) / period) * period + g->phase : t;
}

static double mean_w(gpu *g, double end, double window) {
    if (window < 1e-6) window = 1e-6;
    return (true_j(g, end) - true_j(g, end - window)) / window;
}

static double power_w(gpu *g, double window) {
    return g->offset + g->gain * mean_w(g, published(g, g->period) - g->lag, window);
}

static uint64_t sound_mj(gpu *g) {                                /* the counter without a fault */
    double end = published(g, g->energy_period);
    double module_j = g->counter_of_module ? g->module_w * end : 0;
    if (!g->from_samples) return (uint64_t)((g->energy_gain * true_j(g, end) + module_j) * 1e3);
    long long newest = (long long)floor((end - g->phase) / g->period + 1e-6);  /* `end` may be a tick, apart from rounding */
    if (g->last_sample < 0) g->last_sample = (long long)floor((started_at - g->phase) / g->period);
    for (; g->last_sample < newest; g->last_sample++)
        g->sampled_j += g->energy_gain * mean_w(g, (g->last_sample + 1) * g->period + g->phase - g->lag, g->window) * g->period;
    return (uint64_t)((g->sampled_j + module_j) * 1e3);
}

static double elapsed(void) {                                      /* since nvmlInit, or since `begins` was written; before that -1 */
    struct timespec t;
    struct stat file;
    if (!begins[0]) return now() - started_at;
    if (stat(begins, &file)) return -1;
    clock_gettime(CLOCK_REALTIME, &t);
    return fmax((double)(t.tv_sec - file.st_mtim.tv_sec) + (double)(t.tv_nsec - file.st_mtim.tv_nsec) * 1e-9, 0);
}

static int within(double from, double to) { double t = elapsed(); return t >= from && t < to; }
static int since(double at) { return at && elapsed() >= at; }

static uint64_t energy_mj(gpu *g) {
    uint64_t mj = sound_mj(g);
    if (since(g->stuck)) { if (!g->is_stuck++) g->stuck_mj = mj; return g->stuck_mj; }
    if (since(g->reset)) { if (!g->was_reset++) g->reset_mj = mj; return mj - g->reset_mj; }
    if (g->back[0] && within(g->back[1], INFINITY)) mj -= (uint64_t)(g->back[0] * 1e3);
    if (g->jump[0] && within(g->jump[1], INFINITY)) mj += (uint64_t)(g->jump[0] * 1e3);
    return mj;
}

static int refusal(gpu *g, unsigned field) {                       /* return code of a power or energy reading now; 0: no fault */
    char word[16];
    snprintf(word, sizeof word, ":%u:", field);
    if (!strcmp(g->unsupported, ":all:") || strstr(g->unsupported, word)) return UNSUPPORTED;
    if (g->fault[0] && within(g->fault[1], g->fault[2])) return (int)g->fault[0];
    if (g->field_fault[0] == field && within(g->field_fault[2], g->field_fault[3])) return (int)g->field_fault[1];
    return OK;
}

static unsigned shown_mw(gpu *g, double watts) {
    if (within(g->spike[1], g->spike[2])) watts = g->spike[0];
    return within(g->zero[0], g->zero[1]) ? 0 : (unsigned)llround(watts * 1e3);
}

static void hang(void) { for (;;) { struct timespec hour = {3600, 0}; nanosleep(&hour, NULL); } }

static void take_time(gpu *g) {
    if (since(g->hang)) hang();
    struct timespec t = {0, (long)(g->latency * 1e9)};
    if (g->latency > 0) nanosleep(&t, NULL);
}

static double course(const double *c) {                            /* value, value, seconds after init, seconds after init */
    double share = (elapsed() - c[2]) / (c[3] - c[2]);
    return c[0] + (c[1] - c[0]) * fmin(fmax(share, 0), 1);
}

static unsigned long long throttled(gpu *g) {
    return (unsigned long long)(g->throttle_during[0] && within(g->throttle_during[1], g->throttle_during[2]) ? g->throttle_during[0] : g->throttle);
}

static double enforced_w(gpu *g) {
    double watts = g->limit;
    FILE *file = g->limit_file[0] ? fopen(g->limit_file, "r") : NULL;
    if (file && fscanf(file, "%lf", &watts) != 1) watts = g->limit;
    if (file) fclose(file);
    return watts;
}

static void rest(double seconds) {
    struct timespec t = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
    if (seconds > 0) nanosleep(&t, NULL);
}

/* ---------------------------------------------------------------- the library's functions */

typedef void *device;
typedef unsigned u32;

static gpu *board(device d) { gpu *g = d; return g >= gpus && g < gpus + count ? g : NULL; }
static instance *part(device d) {
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < gpus[i].instances; k++)
            if (d == &gpus[i].mig[k]) return &gpus[i].mig[k];
    return NULL;
}

/* Start of every query of a board; a MIG instance answers no such query. ANSWER releases the lock. */
#define QUERY(d) \
    if (!started) return UNINITIALIZED; \
    if (part(d)) return UNSUPPORTED; \
    gpu *g = board(d); \
    if (!g) return INVALID; \
    pthread_mutex_lock(&lock); \
    int rc = OK
#define ANSWER pthread_mutex_unlock(&lock); return rc
/* Provenance: refused by `refuse=1`, and on a board without answers. */
#define PROVENANCE(name, arguments, body) \
    int name arguments { QUERY(d); if (g->refuse) rc = NO_PERMISSION; else if (!strcmp(g->unsupported, ":all:")) rc = UNSUPPORTED; else { body; } ANSWER; }

/* State that changes during a run: the query sleeps outside the lock, like a driver that answers power at the same time. */
#define STATE(name, arguments, body) \
    int name arguments { if (board(d)) rest(board(d)->state_latency); \
        QUERY(d); if (g->refuse) rc = NO_PERMISSION; else if (!strcmp(g->unsupported, ":all:")) rc = UNSUPPORTED; else { body; } ANSWER; }

int nvmlInitWithFlags(u32 flags) {
    (void)flags;
    pthread_mutex_lock(&lock);
    if (!started) { configure(); started_at = now(); }
    if (getenv("NVMLSIM_INIT_HANG")) hang();
    if (!init_answer) started++;
    pthread_mutex_unlock(&lock);
    return init_answer;
}
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { if (!started) return UNINITIALIZED; started--; return OK; }
const char *nvmlErrorString(int rc) {
    static const char *words[] = {"Success", "Uninitialized", "Invalid Argument", "Not Supported", "Insufficient Permissions"};
    return rc >= 0 && rc < 5 ? words[rc] : "Unknown Error";
}
int nvmlSystemGetDriverVersion(char *text, u32 size) { snprintf(text, size, "550.54.15"); return OK; }
int nvmlSystemGetCudaDriverVersion(int *version) { *version = 12040; return OK; }

int nvmlDeviceGetCount_v2(u32 *n) { if (!started) return UNINITIALIZED; *n = shown_count; return OK; }
static int refused_handle(const gpu *g) { return g->lost ? LOST : g->denied ? NO_PERMISSION : OK; }
int nvmlDeviceGetHandleByIndex_v2(u32 i, device *d) {
    if (!started) return UNINITIALIZED;
    if (i >= shown_count) return INVALID;
    *d = &gpus[shown[i]];
    return refused_handle(*d);
}
int nvmlDeviceGetHandleByUUID(const char *uuid, device *d) {
    for (unsigned i = 0; i < count; i++) if (is_shown(&gpus[i]) && !strcmp(uuid, gpus[i].uuid)) { *d = &gpus[i]; return refused_handle(&gpus[i]); }
    return NOT_FOUND;
}
int nvmlDeviceGetName(device d, char *text, u32 size) {
    instance *m = part(d);
    if (m) { snprintf(text, size, "%s MIG %u SMs", m->parent->name, m->sms); return OK; }
    QUERY(d); snprintf(text, size, "%s", g->name); ANSWER;
}
int nvmlDeviceGetUUID(device d, char *text, u32 size) {
    instance *m = part(d);
    if (m) { snprintf(text, size, "MIG-5eed%04x-0000-0000-%04x-%012x", (u32)(m->parent - gpus), m->number, m->number); return OK; }
    QUERY(d); snprintf(text, size, "%s", g->uuid); ANSWER;
}

int nvmlDeviceGetMigMode(device d, u32 *current, u32 *pending) {
    QUERY(d); if (g->cc < 8.0) rc = UNSUPPORTED; else *current = *pending = g->instances > 0; ANSWER;
}
int nvmlDeviceGetMaxMigDeviceCount(device d, u32 *n) { QUERY(d); *n = g->instances ? MAX_INSTANCES : 0; ANSWER; }
int nvmlDeviceGetMigDeviceHandleByIndex(device d, u32 i, device *found) { QUERY(d); if (i < g->instances) *found = &g->mig[i]; else rc = NOT_FOUND; ANSWER; }
int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(device d, device *parent) { instance *m = part(d); if (!m) return INVALID; *parent = m->parent; return OK; }
int nvmlDeviceGetGpuInstanceId(device d, u32 *id) { instance *m = part(d); if (!m) return INVALID; *id = m->number + 7; return OK; }
int nvmlDeviceGetComputeInstanceId(device d, u32 *id) { if (!part(d)) return INVALID; *id = 0; return OK; }
int nvmlDeviceGetAttributes_v2(device d, u32 *attributes) {        /* attributes[0] is multiprocessorCount */
    instance *m = part(d);
    if (!m) return UNSUPPORTED;
    memset(attributes, 0, 8 * sizeof(u32) + sizeof(uint64_t));
    attributes[0] = m->sms;
    return OK;
}
int nvmlDeviceGetGpuInstanceProfileInfoV(device d, u32 profile, u32 *info) {     /* {version, id, p2p, slices, instances, multiprocessors, …} */
    QUERY(d); if (profile != 4) rc = UNSUPPORTED; else { info[3] = 7; info[5] = WHOLE_SMS; } ANSWER;
}

int nvmlDeviceGetPowerUsage(device d, u32 *mw) {                   /* averages 1 s on Ampere other than GA100, and newer */
    QUERY(d); take_time(g); if (!(rc = refusal(g, INSTANT))) *mw = shown_mw(g, power_w(g, g->cc > 8.0 ? 1 : g->window)); ANSWER;
}
int nvmlDeviceGetTotalEnergyConsumption(device d, uint64_t *mj) { QUERY(d); take_time(g); if (!(rc = refusal(g, ENERGY))) *mj = energy_mj(g); ANSWER; }

PROVENANCE(nvmlDeviceGetEnforcedPowerLimit, (device d, u32 *mw), if (g->nolimit) rc = UNSUPPORTED; else *mw = (u32)(enforced_w(g) * 1e3))
PROVENANCE(nvmlDeviceGetPowerManagementDefaultLimit, (device d, u32 *mw), if (g->nolimit) rc = UNSUPPORTED; else *mw = (u32)(g->limit * 1e3))
PROVENANCE(nvmlDeviceGetPowerManagementLimitConstraints, (device d, u32 *low, u32 *high),
    if (g->nolimit) rc = UNSUPPORTED; else { *low = 100000; *high = (u32)(g->limit * 1e3); })
STATE(nvmlDeviceGetTemperature, (device d, u32 sensor, u32 *celsius), (void)sensor; *celsius = (u32)lround(course(g->heat)))
STATE(nvmlDeviceGetClockInfo, (device d, u32 kind, u32 *mhz), *mhz = kind == 2 ? 1215 : (u32)lround(course(g->clock)))
PROVENANCE(nvmlDeviceGetMaxClockInfo, (device d, u32 kind, u32 *mhz), *mhz = kind == 2 ? 1215 : 1410)
PROVENANCE(nvmlDeviceGetMemoryInfo, (device d, uint64_t *m), m[0] = (uint64_t)(g->mem_mib * 1048576); m[2] = m[0] / 8; m[1] = m[0] - m[2])
PROVENANCE(nvmlDeviceGetPersistenceMode, (device d, u32 *on), *on = 1)
PROVENANCE(nvmlDeviceGetEccMode, (device d, u32 *current, u32 *pending), *current = *pending = (u32)g->ecc)
STATE(nvmlDeviceGetCurrentClocksEventReasons, (device d, uint64_t *mask), *mask = throttled(g))
PROVENANCE(nvmlDeviceGetSerial, (device d, char *text, u32 size), snprintf(text, size, "%s", g->serial))
PROVENANCE(nvmlDeviceGetCudaComputeCapability, (device d, int *major, int *minor), *major = (int)g->cc; *minor = (int)lround((g->cc - *major) * 10))
PROVENANCE(nvmlDeviceGetPciInfo_v3, (device d, char *info),        /* busIdLegacy[16], five u32, busId[32] */
    memset(info, 0, 68); snprintf(info + 36, 32, "00000000:%02X:00.0", 0x10 + 0x10 * (u32)(g - gpus)))

typedef struct { u32 pid; unsigned long long memory; u32 gpu_instance, compute_instance; } process_info;
int nvmlDeviceGetComputeRunningProcesses_v3(device d, u32 *n, process_info *found) {
    if (board(d)) rest(board(d)->state_latency);
    QUERY(d);
    u32 room = *n, there = 0;
    for (u32 i = 0; i < g->processes && i < 4; i++)
        if (within(g->process[i][1], g->process[i][2]) && there++ < room && found) found[there - 1] = (process_info){(u32)g->process[i][0], 1 << 20, ~0u, ~0u};
    *n = there;
    if (g->refuse) rc = NO_PERMISSION; else if (there > room) rc = 7; /* insufficient size */
    ANSWER;
}

typedef struct { u32 field, scope; int64_t stamp, latency; u32 type; int rc; union { double f; u32 u; uint64_t ull; } value; } field_value;
static void answer(gpu *g, field_value *f) {
    u32 scope = g->ignores_scope ? SCOPE_GPU : f->scope;
    if ((scope == SCOPE_MODULE && !g->module_w) || (scope == SCOPE_MEMORY && !g->memory_share) || scope > SCOPE_MEMORY) { f->rc = UNSUPPORTED; return; }
    if (f->field == ENERGY && scope == SCOPE_GPU) { f->type = 3; if (!(f->rc = refusal(g, ENERGY))) f->value.ull = energy_mj(g); return; }
    if (f->field != INSTANT && (f->field != AVERAGE || g->cc <= 8.0)) { f->rc = UNSUPPORTED; return; }
    double watts = power_w(g, f->field == AVERAGE ? 1 : g->window);
    f->type = 1, f->rc = refusal(g, f->field);
    f->value.ull = 0xdeadbeef00000000u;                            /* the driver does not clear the bytes above a smaller type */
    f->value.u = shown_mw(g, scope == SCOPE_MODULE ? watts + g->module_w : scope == SCOPE_MEMORY ? watts * g->memory_share : watts);
}
int nvmlDeviceGetFieldValues(device d, int n, field_value *values) {
    QUERY(d); take_time(g);
    if (g->no_fields) rc = UNSUPPORTED; else for (int i = 0; i < n; i++) answer(g, &values[i]);
    ANSWER;
}

/*
 * RAPL counters as files whose content is computed at each read, so that no reader ever sees a late value.
 *
 *   live_sensors CONFIG MOUNT_POINT PID_FILE
 * In C, because a reader waits for this process at each read.
 *
 * The files appear at MOUNT_POINT in a mount namespace of this process alone: other processes join the namespace with
 * nsenter --mount=/proc/PID/ns/mnt, and nothing stays mounted after the end of this process. PID_FILE is written once
 * the files can be read. Lines of CONFIG (times are seconds of CLOCK_BOOTTIME, waves those of nvmlsim.c):
 *
 *   FOLDER/FILE MODE uj PERIOD_S WRAP_UJ START_UJ WAVE     energy_uj of powercap, published every PERIOD_S
 *   FOLDER/FILE MODE msr PERIOD_S WAVE WAVE                /dev/cpu/N/msr with the energy of package and memory
 *
 *   WAVE = const,W | square,LOW_W,HIGH_W,PERIOD_S,DUTY
 */
#define _GNU_SOURCE
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fuse.h>
#include <math.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#define MAX_FILES 256
/* Intel SDM vol. 4, table 2-2: MSR_RAPL_POWER_UNIT, MSR_PKG_ENERGY_STATUS, MSR_DRAM_ENERGY_STATUS */
enum { POWER_UNIT = 0x606, PACKAGE_ENERGY = 0x611, DRAM_ENERGY = 0x619 };
enum { ENERGY_UNIT = 16 };                     /* the registers count 2^-16 J */

typedef struct { double low_w, high_w, period_s, duty; } wave;
typedef struct { char path[128]; unsigned mode; int is_msr; double period_s; uint64_t wrap_uj, start_uj; wave waves[2]; } sensor;

static sensor sensors[MAX_FILES];
static int count;

static double true_j(const wave *w, double t) {                    /* since boot */
    double periods = floor(t / w->period_s), on = w->duty * w->period_s, rest = t - periods * w->period_s;
    double high = periods * on + fmin(rest, on);
    return w->high_w * high + w->low_w * (t - high);
}

static double published_s(const sensor *s) {
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    double now = (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
    return s->period_s > 0 ? floor(now / s->period_s) * s->period_s : now;
}

static const sensor *find(const char *path) {
    for (int i = 0; i < count; i++) if (!strcmp(path + 1, sensors[i].path)) return &sensors[i];
    return NULL;
}

/* Length of the folder's path without the slash at its start, if it has an entry in the list; -1 otherwise. */
static int folder(const char *path) {
    int length = (int)strlen(path + 1);
    for (int i = 0; i < count; i++)
        if (!length || (!strncmp(path + 1, sensors[i].path, (size_t)length) && sensors[i].path[length] == '/')) return length;
    return -1;
}

static int get_attributes(const char *path, struct stat *attributes, struct fuse_file_info *info) {
    (void)info;
    const sensor *s = find(path);
    memset(attributes, 0, sizeof *attributes);
    if (!s && folder(path) < 0) return -ENOENT;
    attributes->st_mode = s ? S_IFREG | s->mode : S_IFDIR | 0755;
    attributes->st_nlink = s ? 1 : 2;
    attributes->st_size = s ? 4096 : 0;                            /* as sysfs shows it */
    return 0;
}

static int list(const char *path, void *entries, fuse_fill_dir_t add, off_t offset, struct fuse_file_info *info, enum fuse_readdir_flags flags) {
    (void)offset, (void)info, (void)flags;
    int length = folder(path);
    char name[128], last[128] = "";
    if (length < 0) return -ENOENT;
    for (int i = 0; i < count; i++) {
        if (length && (strncmp(path + 1, sensors[i].path, (size_t)length) || sensors[i].path[length] != '/')) continue;
        snprintf(name, sizeof name, "%s", sensors[i].path + (length ? length + 1 : 0));
        name[strcspn(name, "/")] = 0;
        if (strcmp(name, last)) add(entries, name, NULL, 0, 0);    /* the files of one folder stand together */
        strcpy(last, name);
    }
    return 0;
}

static int open_file(const char *path, struct fuse_file_info *info) {
    if (!find(path)) return -ENOENT;
    info->direct_io = 1;                                           /* every read comes here, none is answered from a cache */
    return 0;
}

static int read_register(const sensor *s, char *answer, size_t size, off_t offset) {
    uint64_t value = 0;
    double t = published_s(s);
    if (size != sizeof value) return -EINVAL;
    if (offset == POWER_UNIT) value = ENERGY_UNIT << 8 | 3 | 10 << 16;
    else if (offset == PACKAGE_ENERGY) value = (uint32_t)(uint64_t)(true_j(&s->waves[0], t) * (1 << ENERGY_UNIT));
    else if (offset == DRAM_ENERGY) value = (uint32_t)(uint64_t)(true_j(&s->waves[1], t) * (1 << ENERGY_UNIT));
    else return -EIO;                                              /* no such register */
    memcpy(answer, &value, sizeof value);
    return sizeof value;
}

static int read_file(const char *path, char *answer, size_t size, off_t offset, struct fuse_file_info *info) {
    (void)info;
    const sensor *s = find(path);
    char line[32];
    if (!s) return -ENOENT;
    if (s->is_msr) return read_register(s, answer, size, offset);
    if (offset) return 0;                                          /* a line is read in one piece */
    uint64_t energy_uj = s->start_uj + (uint64_t)(true_j(&s->waves[0], published_s(s)) * 1e6);
    int length = snprintf(line, sizeof line, "%llu\n", (unsigned long long)(energy_uj % s->wrap_uj));
    if ((size_t)length > size) return -EINVAL;
    memcpy(answer, line, (size_t)length);
    return length;
}

static wave parse(const char *text) {
    wave w = {0, 0, 1, 1};
    if (sscanf(text, "const,%lf", &w.high_w) == 1) return w;
    if (sscanf(text, "square,%lf,%lf,%lf,%lf", &w.low_w, &w.high_w, &w.period_s, &w.duty) == 4) return w;
    fprintf(stderr, "live_sensors: unknown wave %s\n", text);
    exit(2);
}

static void configure(const char *file_name) {
    FILE *file = fopen(file_name, "r");
    char line[512], kind[8], first[96], second[96];
    if (!file) { perror(file_name); exit(2); }
    while (fgets(line, sizeof line, file) && count < MAX_FILES) {
        sensor *s = &sensors[count++];
        unsigned long long wrap, start;
        int rest = 0;
        if (sscanf(line, "%127s %o %7s %lf %n", s->path, &s->mode, kind, &s->period_s, &rest) != 4 || !rest) goto unknown;
        s->is_msr = !strcmp(kind, "msr");
        if (s->is_msr && sscanf(line + rest, "%95s %95s", first, second) == 2) { s->waves[0] = parse(first); s->waves[1] = parse(second); continue; }
        if (!s->is_msr && sscanf(line + rest, "%llu %llu %95s", &wrap, &start, first) == 3) { s->wrap_uj = wrap; s->start_uj = start; s->waves[0] = parse(first); continue; }
    unknown:
        fprintf(stderr, "live_sensors: unknown line %s\n", line);
        exit(2);
    }
    fclose(file);
}

static void write_pid(const char *file_name) {
    char temporary[4096];
    snprintf(temporary, sizeof temporary, "%s.new", file_name);
    FILE *file = fopen(temporary, "w");
    if (!file || fprintf(file, "%d\n", (int)getpid()) < 0 || fclose(file) || rename(temporary, file_name)) { perror(file_name); exit(1); }
}

int main(int argc, char **argv) {
    static const struct fuse_operations operations = {.getattr = get_attributes, .readdir = list, .open = open_file, .read = read_file};
    if (argc != 4) { fprintf(stderr, "usage: live_sensors CONFIG MOUNT_POINT PID_FILE\n"); return 2; }
    configure(argv[1]);
    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) { perror("live_sensors: mount namespace"); return 1; }
    char *options[] = {argv[0], "-oallow_other,default_permissions,fsname=live_sensors"};
    struct fuse_args arguments = FUSE_ARGS_INIT(2, options);
    struct fuse *fuse = fuse_new(&arguments, &operations, sizeof operations, NULL);
    if (!fuse || fuse_mount(fuse, argv[2])) return 1;
    struct sched_param first = {1};
    sched_setscheduler(0, SCHED_FIFO, &first);                     /* a sensor waits for no core */
    fuse_set_signal_handlers(fuse_get_session(fuse));
    write_pid(argv[3]);
    fuse_loop(fuse);
    fuse_unmount(fuse);
    return 0;
}

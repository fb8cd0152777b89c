/*
 * What the CNI folder has under the names `dualstack` and `dualstack-ipam`: it starts the program beside it,
 * `dualstack-main`, which is Node.js with our code in it.
 *
 * Node.js reads many variables before our first line: they make it crash, write files, or print. What a container runtime
 * happens to have in its environment is not ours to trust, so the program gets what CNI names and nothing else. A
 * runtime's call (CNI_COMMAND is set) is also watched:
 *
 *   - Calls begin a few at a time: hundreds that come at once would each take their memory at the same time.
 *   - Its standard output is a file in memory, which is handed on when the call has ended as calls end.
 *   - When it ends in another way, or not at all, the runtime gets an error in the form of CNI: whatever happens, its
 *     answer is JSON on standard output.
 *
 * Nothing is known here of CNI beyond that: no input is read, and no output looked at but its first byte.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Milliseconds; the tests have others. */
#ifndef CALL_DEADLINE
/* Of a whole call: more than all deadlines within it, and with PATIENCE less than kubelet's of four minutes. */
#define CALL_DEADLINE 200000L
/* How long a call waits for its turn: then it begins without one. */
#define PATIENCE 30000L
/* How long a call has its turn: one that lasts longer waits for something, and others may begin. */
#define TURN 1000L
#endif

#define TURNS_PER_CPU 3

/* Who may write into /run may take turns: root alone. */
#define TURNS_FILE "/run/dualstack.lock"
#define PROGRAM "dualstack-main"

/* Of linux/memfd.h, which musl's headers lack. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

/* Of conf/failure.ts. */
enum code { IO = 5, TRY_AGAIN = 11, INTERNAL = 104 };

/* Says that whoever started us has his turn, and waits for us: without it he would wait for himself. */
#define IN_TURN "DUALSTACK_IN_TURN"

extern char **environ;

static const char *const passed[] = {
    "PATH", "TRACEPARENT", "TRACESTATE", "BAGGAGE", /* of CNI, beside CNI_* */
    "TERM", "NO_COLOR", "COLUMNS", "HOME", "KUBECONFIG", /* of people */
    IN_TURN,
};

static int is_passed(const char *variable) {
    const char *equals = strchr(variable, '=');
    if (equals == NULL) return 0;
    if (strncmp(variable, "CNI_", 4) == 0) return 1;
    size_t length = (size_t)(equals - variable);
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++) {
        if (strlen(passed[i]) == length && strncmp(passed[i], variable, length) == 0) return 1;
    }
    return 0;
}

/* Takes all else out of the environment, in place. */
static void scrub(void) {
    char **kept = environ;
    for (char **variable = environ; *variable != NULL; variable++) {
        if (is_passed(*variable)) *kept++ = *variable;
    }
    *kept = NULL;
}

static int write_all(const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, length);
        if (written >= 0) {
            bytes += written;
            length -= (size_t)written;
        } else if (errno == EAGAIN) {
            struct pollfd writable = {.fd = STDOUT_FILENO, .events = POLLOUT};
            poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            return 0;
        }
    }
    return 1;
}

static const char *next_step(enum code code) {
    switch (code) {
    case IO: return "both files of the release, dualstack and dualstack-main, belong into the CNI folder";
    case TRY_AGAIN: return "memory is short, or what the call waits for hangs: try again later";
    default: return "the README says what a call needs of memory and open files; its standard error may say more";
    }
}

/* The texts are ours, and need no escapes. Returns the exit status of a call that failed. */
__attribute__((format(printf, 2, 3))) static int answer_error(enum code code, const char *format, ...) {
    char message[256], text[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(message, sizeof message, format, values);
    va_end(values);
    int length = snprintf(text, sizeof text, "{\"cniVersion\":\"1.1.0\",\"code\":%d,\"msg\":\"%s\",\"details\":\"%s\"}\n",
                          code, message, next_step(code));
    write_all(text, (size_t)length);
    return 1;
}

/* A descriptor below 3 that is closed would become that of our own file. A root may have no /dev, but has itself. */
static void open_streams(void) {
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++) {
        if (fcntl(descriptor, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) open("/", O_RDONLY);
    }
}

/* The program beside this file, whatever links led here. */
static int find_program(char path[PATH_MAX]) {
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - sizeof PROGRAM);
    if (length < 0) return 0;
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    if (slash != NULL) memcpy(slash + 1, PROGRAM, sizeof PROGRAM);
    return slash != NULL;
}

/* V8 reserves more address space, and Node.js opens more files, than some soft limits allow. */
static void raise_limit(int resource) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(resource, &limit);
}

static long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000L + time.tv_nsec / 1000000L;
}

/*
 * The turns of this machine are the first bytes of a file, each taken by a lock (fcntl(2), F_OFD_SETLK) which the kernel
 * gives back when its holder dies. They are not System V's semaphores, which a pod with the host's IPC namespace, or any
 * user, could take first. Returns -1 where there is no such file, or where it is not ours alone.
 */
static int open_turns(void) {
    struct stat found;
    int turns = open(TURNS_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (turns < 0) return -1;
    if (fstat(turns, &found) == 0 && S_ISREG(found.st_mode) && found.st_uid == geteuid() && (found.st_mode & 077) == 0)
        return turns;
    close(turns);
    return -1;
}

static int lock(int turns, short type, long byte) {
    struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(turns, F_OFD_SETLK, &range) == 0;
}

static int take_free_turn(int turns) {
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    long count = (cpus < 1 ? 1 : cpus) * TURNS_PER_CPU;
    for (long byte = 1; byte <= count; byte++) {
        if (lock(turns, F_WRLCK, byte)) return 1;
    }
    return 0;
}

/* Byte 0 is the place of the one who is next: only he looks for a free turn all the time. */
static int wait_for_turn(int turns) {
    long late = now() + PATIENCE;
    int is_mine;
    while (!lock(turns, F_WRLCK, 0) && now() < late) usleep(20000);
    while (!(is_mine = take_free_turn(turns)) && now() < late) usleep(2000);
    lock(turns, F_UNLCK, 0);
    return is_mine;
}

/* Returns what holds the turn until it is closed, or -1 for a call that begins without one. */
static int take_turn(void) {
    if (getenv(IN_TURN) != NULL) return -1;
    int turns = open_turns();
    if (turns < 0) return -1;
    if (wait_for_turn(turns)) setenv(IN_TURN, "1", 1);
    return turns;
}

/* Returns whether the child has ended by then; SIGCHLD is blocked. */
static int has_ended(pid_t child, int *status, long until) {
    sigset_t ended;
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    for (;;) {
        if (waitpid(child, status, WNOHANG) == child) return 1;
        long rest = until - now();
        if (rest <= 0) return 0;
        struct timespec patience = {.tv_sec = rest / 1000, .tv_nsec = rest % 1000 * 1000000L};
        sigtimedwait(&ended, NULL, &patience);
    }
}

/* Starts the program, which dies with us. Returns -1 when it cannot be started; errno says why. */
static pid_t start(const char *path, char **arguments, int output, const sigset_t *mask) {
    volatile int failure = 0;
    pid_t parent = getpid();
    pid_t child = vfork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent && dup2(output, STDOUT_FILENO) >= 0) {
            sigprocmask(SIG_SETMASK, mask, NULL);
            execve(path, arguments, environ);
        }
        failure = errno;
        _exit(127);
    }
    if (child > 0 && failure != 0) {
        waitpid(child, NULL, 0);
        errno = failure;
        return -1;
    }
    return child;
}

/* A result or an error is an object; a call that has nothing to say ends with 0. */
static int is_answer(int output, int status) {
    char first;
    ssize_t length = pread(output, &first, 1, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1 || length < 0) return 0;
    return length == 0 ? WEXITSTATUS(status) == 0 : first == '{';
}

/* Returns the exit status: a runtime that did not get all of it has no result. */
static int hand_on(int output, int status) {
    static char bytes[16384];
    off_t offset = 0;
    ssize_t length;
    while ((length = pread(output, bytes, sizeof bytes, offset)) > 0) {
        if (!write_all(bytes, (size_t)length)) return 1;
        offset += length;
    }
    return WEXITSTATUS(status);
}

/* Of kernels since 6.3, vm.memfd_noexec=2 allows no other file in memory; those before know no such flag. */
static int make_output(void) {
    int output = memfd_create("answer", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    return output < 0 && errno == EINVAL ? memfd_create("answer", MFD_CLOEXEC) : output;
}

static int call(const char *path, char **arguments) {
    sigset_t blocked, mask;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_BLOCK, &blocked, &mask);
    int output = make_output();
    if (output < 0) return answer_error(IO, "make a file in memory: %s", strerror(errno));
    raise_limit(RLIMIT_AS);
    raise_limit(RLIMIT_NOFILE);
    int turns = take_turn();
    pid_t child = start(path, arguments, output, &mask);
    if (child < 0) return answer_error(IO, "start dualstack-main: %s", strerror(errno));
    signal(SIGPIPE, SIG_IGN);
    int status;
    long begin = now();
    int ended = has_ended(child, &status, begin + TURN);
    if (turns >= 0) close(turns);
    if (!ended && !has_ended(child, &status, begin + CALL_DEADLINE)) {
        kill(child, SIGKILL);
        return answer_error(TRY_AGAIN, "the call did not end in time");
    }
    if (is_answer(output, status)) return hand_on(output, status);
    if (!WIFSIGNALED(status))
        return answer_error(INTERNAL, "the call ended without an answer, with status %d", WEXITSTATUS(status));
    /* The kernel ends what is too large for its memory so. */
    if (WTERMSIG(status) == SIGKILL) return answer_error(TRY_AGAIN, "the call was killed");
    return answer_error(INTERNAL, "the call crashed, by signal %d", WTERMSIG(status));
}

int main(int count, char **arguments) {
    static char name[] = "dualstack";
    char *unnamed[] = {name, NULL};
    static char path[PATH_MAX];
    open_streams();
    scrub();
    if (count == 0) arguments = unnamed;
    const char *command = getenv("CNI_COMMAND");
    int is_call = command != NULL && *command != '\0';
    int is_found = find_program(path);
    if (is_call && is_found) return call(path, arguments);
    if (is_found) execve(path, arguments, environ);
    if (is_call) return answer_error(IO, "find dualstack-main: %s", strerror(errno));
    perror("dualstack: start " PROGRAM);
    return 127;
}

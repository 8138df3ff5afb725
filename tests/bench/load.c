/* Asks one path of a unix socket over so many connections that are kept, for so long, and prints
 * the answers a second: a client that is not the limit, as wrk is for TCP.
 *
 * usage: load SOCKET PATH CONNECTIONS SECONDS */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
#define ANSWER_MAX (16u << 20)

typedef struct {
    char *text; /* ANSWER_MAX bytes and a NUL */
    size_t length;
    size_t body;  /* where it begins; 0: the header is not whole yet */
    size_t whole; /* what the answer has in all; 0: it comes in chunks */
} Answer;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        die(path);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die(path);
    return fd;
}

static void read_header(Answer *answer)
{
    const char *end = strstr(answer->text, "\r\n\r\n");
    const char *length;

    if (end == NULL)
        return;
    answer->body = (size_t)(end - answer->text) + strlen("\r\n\r\n");
    length = strcasestr(answer->text, "\r\nContent-Length:");
    answer->whole = length != NULL && length < end
                        ? answer->body + strtoul(length + strlen("\r\nContent-Length:"), NULL, 10)
                        : 0;
}

/* Whether all of an answer is there: by its length, or by the last chunk. */
static int is_whole(Answer *answer)
{
    if (answer->body == 0)
        read_header(answer);
    if (answer->body == 0)
        return 0;
    if (answer->whole != 0)
        return answer->length >= answer->whole;
    return answer->length >= answer->body + 5 &&
           memcmp(answer->text + answer->length - 5, "0\r\n\r\n", 5) == 0;
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void ask(int fd, const char *request, Answer *answer)
{
    answer->length = answer->body = 0;
    if (write(fd, request, strlen(request)) != (ssize_t)strlen(request))
        die("write");
}

/* Returns 1 when an answer is complete. */
static int hear(int fd, Answer *answer)
{
    ssize_t n = read(fd, answer->text + answer->length, ANSWER_MAX - answer->length);

    if (n <= 0)
        die("read");
    answer->length += (size_t)n;
    answer->text[answer->length] = '\0';
    if (!is_whole(answer))
        return 0;
    if (strncmp(answer->text, "HTTP/1.1 200", 12) != 0) {
        fprintf(stderr, "%s\n", answer->text);
        exit(1);
    }
    return 1;
}

int main(int argc, char **argv)
{
    int count = argc == 5 ? atoi(argv[3]) : 0;
    struct pollfd fds[CONNECTIONS_MAX];
    Answer *answers = calloc(CONNECTIONS_MAX, sizeof *answers);
    unsigned long done = 0;
    double began, until;
    char *request;

    if (count < 1 || count > CONNECTIONS_MAX || answers == NULL) {
        fputs("usage: load SOCKET PATH CONNECTIONS SECONDS\n", stderr);
        return 64;
    }
    if (asprintf(&request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", argv[2]) < 0)
        die("request");
    for (int i = 0; i < count; i++) {
        answers[i].text = malloc(ANSWER_MAX + 1);
        if (answers[i].text == NULL)
            die("malloc");
        fds[i] = (struct pollfd){.fd = connect_to(argv[1]), .events = POLLIN};
        ask(fds[i].fd, request, &answers[i]);
    }
    began = now();
    until = began + atof(argv[4]);
    while (now() < until) {
        if (poll(fds, (nfds_t)count, 1000) < 0)
            die("poll");
        for (int i = 0; i < count; i++) {
            if (fds[i].revents != 0 && hear(fds[i].fd, &answers[i])) {
                done++;
                ask(fds[i].fd, request, &answers[i]);
            }
        }
    }
    printf("%.0f\n", (double)done / (now() - began));
    for (int i = 0; i < count; i++)
        free(answers[i].text);
    free(request);
    free(answers);
    return 0;
}

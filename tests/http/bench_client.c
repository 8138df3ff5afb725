/* Asks one thing over a unix socket as fast as it can, and prints answers a second.
 *
 *     bench-http-client SOCKET PATH CONNECTIONS SECONDS */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        perror(path);
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    g_autofree char *request = g_strdup_printf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", argv[2]);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    gint64 start = g_get_monotonic_time();
    gint64 end = start + atoi(argv[4]) * G_USEC_PER_SEC;
    guint64 answers = 0;

    for (int i = 0; i < atoi(argv[3]); i++) {
        struct epoll_event event = {EPOLLIN, {.fd = connect_to(argv[1])}};

        epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
        if (write(event.data.fd, request, strlen(request)) < 0)
            return 1;
    }
    while (g_get_monotonic_time() < end) {
        struct epoll_event events[64];
        int count = epoll_wait(epoll, events, G_N_ELEMENTS(events), 1000);

        for (int i = 0; i < count; i++) {
            char answer[4096];
            gssize got = read(events[i].data.fd, answer, sizeof answer - 1);

            /* Small answers come whole. */
            answer[MAX(got, 0)] = '\0';
            if (!g_str_has_prefix(answer, "HTTP/1.1 200") || strstr(answer, "\r\n\r\n") == NULL) {
                fprintf(stderr, "bad answer: %s\n", answer);
                return 1;
            }
            answers++;
            if (write(events[i].data.fd, request, strlen(request)) < 0)
                return 1;
        }
    }
    printf("%.0f\n", (double)answers * G_USEC_PER_SEC / (double)(g_get_monotonic_time() - start));
    return 0;
}

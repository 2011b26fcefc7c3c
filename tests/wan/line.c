/*
 * Copyright: mediverse.pacs contributors
 * GNU General Public License v3.0+ (see LICENSE)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A wide area network in user space: line FOLDER PID_A ADDRESS_A PID_B ADDRESS_B
 *
 * Makes a TUN device "wan0" in the network namespace of each of two processes, joins their addresses, and carries packets
 * between them with a delay, a rate and loss. Both ends run the kernel's own TCP, so handshakes, slow start and windows are
 * those of a real line. Needs the capability to enter both namespaces; ends with its parent's signal only.
 *
 * FOLDER/control, written by the harness, replaced as a whole, read again every 20 ms:
 *     NUMBER DELAY_US UP DOWN LOSS MODE ASKED
 * DELAY_US one way; UP (A to B) and DOWN in bytes per second, 0 for no limit; LOSS in packets of 10,000;
 * MODE 0 carries, 1 answers "host unreachable", 2 swallows, 3 resets TCP connections and swallows the rest. A new NUMBER puts
 * all of it in force and counts from zero; a new ASKED alone only asks for a fresh state.
 *
 * FOLDER/state, replaced every 20 ms when something changed:
 *     NUMBER ASKED BYTES_UP BYTES_DOWN DROPPED FIRST_NS
 * NUMBER and ASKED of the control in force, bytes carried since it, packets lost to LOSS, MODE or a full queue, and the time of the
 * first packet since it on the monotonic clock (0: none yet).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MTU = 1500, SLOTS = 32768, BURST = 128, QUEUE_NS = 100 * 1000 * 1000, TICK_NS = 20 * 1000 * 1000 };
enum mode { CARRY, CUT, HOLE, RESET };

struct packet { uint64_t due; uint16_t length; uint8_t data[MTU]; };
struct direction { struct packet *ring; unsigned head, tail; uint64_t busy_until, rate, carried; };
struct settings { unsigned long long number, delay, up, down, loss, mode, asked; };

static struct direction ways[2];
static struct settings now_set = {0, 0, 0, 0, 0, CARRY, 0};
static uint64_t dropped, first;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void set_address(int socket_, struct ifreq *request, unsigned long what, const char *address)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    if (inet_pton(AF_INET, address, &in.sin_addr) != 1) {
        fprintf(stderr, "%s is no IPv4 address\n", address);
        exit(1);
    }
    memcpy(&request->ifr_addr, &in, sizeof in);
    if (ioctl(socket_, what, request) < 0) fail("setting an address of wan0");
}

/* A point-to-point device in the namespace of the process; its file stays usable from ours. */
static int make_device(const char *pid, const char *own, const char *other)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/ns/net", pid);
    int space = open(path, O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET) < 0) fail("entering the network namespace of an end");
    close(space);
    int file = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) fail("opening /dev/net/tun");
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    strcpy(request.ifr_name, "wan0");
    if (ioctl(file, TUNSETIFF, &request) < 0) fail("making the device wan0");
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    set_address(control, &request, SIOCSIFADDR, own);
    set_address(control, &request, SIOCSIFDSTADDR, other);
    request.ifr_qlen = 10000; /* a burst of the kernel waits here and is not lost before it reaches the line */
    if (ioctl(control, SIOCSIFTXQLEN, &request) < 0) fail("setting the queue of wan0");
    request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_POINTOPOINT | IFF_NOARP;
    if (ioctl(control, SIOCSIFFLAGS, &request) < 0) fail("starting wan0");
    close(control);
    return file;
}

static uint32_t sum(const uint8_t *data, size_t length, uint32_t start)
{
    for (size_t i = 0; i < length; i++) start += i % 2 ? data[i] : (uint32_t)data[i] << 8;
    return start;
}

static void put_sum(uint8_t *where, uint32_t total)
{
    while (total >> 16) total = (total & 0xffff) + (total >> 16);
    where[0] = (uint8_t)(~total >> 8);
    where[1] = (uint8_t)~total;
}

/* The IPv4 header of an answer to `packet` that seems to come from its destination. */
static void answer_header(uint8_t *out, const uint8_t *packet, uint8_t protocol, size_t length)
{
    memset(out, 0, 20);
    out[0] = 0x45;
    out[2] = (uint8_t)(length >> 8);
    out[3] = (uint8_t)length;
    out[8] = 64;
    out[9] = protocol;
    memcpy(out + 12, packet + 16, 4);
    memcpy(out + 16, packet + 12, 4);
    put_sum(out + 10, sum(out, 20, 0));
}

static void answer_unreachable(int file, const uint8_t *packet, size_t length)
{
    uint8_t out[20 + 8 + 28] = {0};
    size_t quoted = length < 28 ? length : 28;
    if (packet[9] == IPPROTO_ICMP) return;
    answer_header(out, packet, IPPROTO_ICMP, 28 + quoted);
    out[20] = 3; /* destination unreachable */
    out[21] = 1; /* host */
    memcpy(out + 28, packet, quoted);
    put_sum(out + 22, sum(out + 20, 8 + quoted, 0));
    if (write(file, out, 28 + quoted) < 0 && errno != EAGAIN) fail("answering");
}

/* The sender learns that its connection does not exist; the other end learns it as soon as it speaks itself. */
static void answer_reset(int file, const uint8_t *packet, size_t length)
{
    size_t header = (size_t)(packet[0] & 15) * 4;
    if (packet[9] != IPPROTO_TCP || length < header + 20) return;
    const uint8_t *tcp = packet + header;
    if (tcp[13] & 0x04) return; /* a reset is not answered */
    uint8_t out[40] = {0};
    answer_header(out, packet, IPPROTO_TCP, sizeof out);
    memcpy(out + 20, tcp + 2, 2);
    memcpy(out + 22, tcp, 2);
    if (tcp[13] & 0x10) {
        memcpy(out + 24, tcp + 8, 4);
        out[33] = 0x04;
    } else {
        uint32_t sequence;
        memcpy(&sequence, tcp + 4, 4);
        sequence = htonl(ntohl(sequence) + (uint32_t)(length - header - (size_t)(tcp[12] >> 4) * 4)
                         + ((tcp[13] & 0x02) != 0) + ((tcp[13] & 0x01) != 0));
        memcpy(out + 28, &sequence, 4);
        out[33] = 0x14;
    }
    out[32] = 0x50;
    put_sum(out + 36, sum(out + 20, 20, sum(out + 12, 8, IPPROTO_TCP + 20)));
    if (write(file, out, sizeof out) < 0 && errno != EAGAIN) fail("answering");
}

static void read_control(const char *path)
{
    struct settings found;
    FILE *file = fopen(path, "r");
    if (!file) return;
    int fields = fscanf(file, "%llu %llu %llu %llu %llu %llu %llu", &found.number, &found.delay, &found.up, &found.down,
                        &found.loss, &found.mode, &found.asked);
    fclose(file);
    if (fields != 7) return;
    now_set.asked = found.asked;
    if (found.number == now_set.number) return;
    now_set = found;
    ways[0].rate = found.up;
    ways[1].rate = found.down;
    first = dropped = 0;
    for (int i = 0; i < 2; i++) {
        ways[i].carried = ways[i].busy_until = 0;
        if (found.mode != CARRY) ways[i].tail = ways[i].head; /* what is under way is gone as well */
    }
}

static void write_state(const char *path)
{
    static char last[200];
    char text[200], fresh[4096];
    snprintf(text, sizeof text, "%llu %llu %llu %llu %llu %llu\n", now_set.number, now_set.asked,
             (unsigned long long)ways[0].carried, (unsigned long long)ways[1].carried, (unsigned long long)dropped,
             (unsigned long long)first);
    if (!strcmp(text, last)) return;
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *file = fopen(fresh, "w");
    if (!file) fail("writing the state");
    fputs(text, file);
    if (fclose(file) || rename(fresh, path)) fail("writing the state");
    strcpy(last, text);
}

static int is_lost(void)
{
    static uint32_t dice = 2463534242u;
    if (!now_set.loss) return 0;
    dice ^= dice << 13;
    dice ^= dice >> 17;
    dice ^= dice << 5;
    return dice % 10000 < now_set.loss;
}

/* Takes packets from an end into its queue. Returns how many there were. */
static int collect(int file, struct direction *way)
{
    uint8_t scratch[MTU];
    int count = 0;
    for (; count < BURST; count++) {
        int room = way->head - way->tail < SLOTS;
        struct packet *slot = &way->ring[way->head % SLOTS];
        uint8_t *data = room ? slot->data : scratch;
        ssize_t length = read(file, data, MTU);
        if (length <= 0) break;
        if (length < 20 || data[0] >> 4 != 4) continue; /* IPv6 greetings of the device */
        uint64_t time = now(), start = time;
        if (!first) first = time;
        if (now_set.mode == CUT) answer_unreachable(file, data, (size_t)length);
        if (now_set.mode == RESET) answer_reset(file, data, (size_t)length);
        if (way->rate && way->busy_until > start) start = way->busy_until;
        if (!room || now_set.mode != CARRY || is_lost() || start - time > QUEUE_NS) {
            dropped++;
            continue;
        }
        if (way->rate) way->busy_until = start += (uint64_t)length * 1000000000u / way->rate;
        slot->due = start + now_set.delay * 1000;
        slot->length = (uint16_t)length;
        way->head++;
    }
    return count;
}

/* Hands over what is due. Returns when the next packet is, at most `limit`. */
static uint64_t deliver(int file, struct direction *way, uint64_t limit)
{
    while (way->tail != way->head) {
        struct packet *slot = &way->ring[way->tail % SLOTS];
        if (slot->due > now()) return slot->due < limit ? slot->due : limit;
        if (write(file, slot->data, slot->length) < 0 && errno == EAGAIN) return now() + 100000;
        way->carried += slot->length;
        way->tail++;
    }
    return limit;
}

int main(int count, char **words)
{
    char control[4000], state[4000];
    if (count != 6) {
        fprintf(stderr, "usage: line FOLDER PID_A ADDRESS_A PID_B ADDRESS_B\n");
        return 2;
    }
    snprintf(control, sizeof control, "%s/control", words[1]);
    snprintf(state, sizeof state, "%s/state", words[1]);
    int files[2] = {make_device(words[2], words[3], words[5]), make_device(words[4], words[5], words[3])};
    for (int i = 0; i < 2; i++)
        if (!(ways[i].ring = calloc(SLOTS, sizeof(struct packet)))) fail("memory");
    for (uint64_t tick = 0;;) {
        if (now() >= tick) {
            read_control(control);
            write_state(state);
            tick = now() + TICK_NS;
        }
        int busy = collect(files[0], &ways[0]) + collect(files[1], &ways[1]);
        uint64_t next = deliver(files[1], &ways[0], deliver(files[0], &ways[1], tick)), time = now();
        if (!busy && next > time) {
            struct pollfd ends[2] = {{files[0], POLLIN, 0}, {files[1], POLLIN, 0}};
            struct timespec pause = {(time_t)((next - time) / 1000000000u), (long)((next - time) % 1000000000u)};
            ppoll(ends, 2, &pause, NULL);
        }
    }
}

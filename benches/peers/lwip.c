/*
 * lwIP on a TAP without offloads, for it knows none: echo, discard and chargen over its callbacks, in one loop.
 *
 *   lwip FD MAC ADDRESS LENGTH SPIN
 *
 * FD is an open TAP that does not block; SPIN is how many microseconds to go on reading after the last frame.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>
#include <netif/ethernet.h>

/* RFC 862, RFC 863 and RFC 864. */
enum { ECHO = 7, DISCARD = 9, SOURCE = 19, FRAME = 1514, BURST = 64 };

static int tap;
static unsigned char hardware[6];
static char source[TCP_SND_BUF];

static void fail(const char *what)
{
	fprintf(stderr, "lwip: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The wire. */

static err_t put(struct netif *netif, struct pbuf *frame)
{
	(void)netif;
	/* Its netifs get a frame in one piece. A TAP whose queue is full drops, and so may we. */
	return write(tap, frame->payload, frame->len) < 0 ? ERR_IF : ERR_OK;
}

static err_t begin(struct netif *netif)
{
	netif->name[0] = 't';
	netif->name[1] = 'p';
	netif->output = etharp_output;
	netif->linkoutput = put;
	netif->mtu = 1500;
	netif->hwaddr_len = sizeof hardware;
	memcpy(netif->hwaddr, hardware, sizeof hardware);
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
	return ERR_OK;
}

/* Takes in what waits, at most a burst. Says whether there was something. */
static int take(struct netif *netif)
{
	static unsigned char bytes[FRAME];
	int taken;
	for (taken = 0; taken < BURST; taken++) {
		ssize_t length = read(tap, bytes, sizeof bytes);
		if (length < 0 && errno == EAGAIN)
			break;
		if (length < 0)
			fail("the TAP cannot be read");
		/* In one piece: the pool of the library that Debian has is for smaller segments than its header says. */
		struct pbuf *frame = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM);
		if (!frame)
			continue;
		pbuf_take(frame, bytes, (u16_t)length);
		if (netif->input(frame, netif) != ERR_OK)
			pbuf_free(frame);
	}
	return taken > 0;
}

/* The services. */

/* What a connection has received and not yet sent back: its callbacks' argument. */
struct echo {
	struct pbuf *waiting;
	int is_closing;
};

static void failed(void *argument, err_t why)
{
	struct echo *echo = argument;
	(void)why;
	if (echo && echo->waiting)
		pbuf_free(echo->waiting);
	free(echo);
}

static err_t end(struct tcp_pcb *pcb, struct echo *echo)
{
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_err(pcb, NULL);
	tcp_poll(pcb, NULL, 0);
	free(echo);
	if (tcp_close(pcb) == ERR_OK)
		return ERR_OK;
	tcp_abort(pcb);
	return ERR_ABRT;
}

/* Sends back as much as fits. */
static err_t answer(struct tcp_pcb *pcb, struct echo *echo)
{
	while (echo->waiting && echo->waiting->len <= tcp_sndbuf(pcb)) {
		struct pbuf *first = echo->waiting;
		if (tcp_write(pcb, first->payload, first->len, TCP_WRITE_FLAG_COPY) != ERR_OK)
			break;
		tcp_recved(pcb, first->len);
		echo->waiting = first->next;
		if (echo->waiting)
			pbuf_ref(echo->waiting);
		pbuf_free(first);
	}
	tcp_output(pcb);
	return echo->is_closing && !echo->waiting ? end(pcb, echo) : ERR_OK;
}

static err_t echo_received(void *argument, struct tcp_pcb *pcb, struct pbuf *bytes, err_t why)
{
	struct echo *echo = argument;
	(void)why;
	if (!bytes)
		echo->is_closing = 1;
	else if (echo->waiting)
		pbuf_cat(echo->waiting, bytes);
	else
		echo->waiting = bytes;
	return answer(pcb, echo);
}

static err_t echo_sent(void *argument, struct tcp_pcb *pcb, u16_t length)
{
	(void)length;
	return answer(pcb, argument);
}

static err_t echo_polled(void *argument, struct tcp_pcb *pcb)
{
	return answer(pcb, argument);
}

static err_t echo_accepted(void *argument, struct tcp_pcb *pcb, err_t why)
{
	struct echo *echo = calloc(1, sizeof *echo);
	(void)argument;
	if (why != ERR_OK || !echo) {
		free(echo);
		return ERR_MEM;
	}
	tcp_nagle_disable(pcb);
	tcp_arg(pcb, echo);
	tcp_recv(pcb, echo_received);
	tcp_sent(pcb, echo_sent);
	tcp_poll(pcb, echo_polled, 1);
	tcp_err(pcb, failed);
	return ERR_OK;
}

/* Discard, and what a client says to a source. */
static err_t forget(void *argument, struct tcp_pcb *pcb, struct pbuf *bytes, err_t why)
{
	(void)why;
	if (!bytes)
		return end(pcb, argument);
	tcp_recved(pcb, bytes->tot_len);
	pbuf_free(bytes);
	return ERR_OK;
}

static err_t discard_accepted(void *argument, struct tcp_pcb *pcb, err_t why)
{
	(void)argument;
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, forget);
	return why;
}

/* Fills the send buffer without copying: the bytes are the same for ever. */
static err_t fill(struct tcp_pcb *pcb)
{
	u32_t room = tcp_sndbuf(pcb);
	if (room >= 8 * TCP_MSS || room == TCP_SND_BUF)
		for (u32_t left = room, piece; left; left -= piece) {
			piece = left < 32 * TCP_MSS ? left : 32 * TCP_MSS;
			if (tcp_write(pcb, source, (u16_t)piece, left > piece ? TCP_WRITE_FLAG_MORE : 0) != ERR_OK)
				break;
		}
	return tcp_output(pcb);
}

static err_t source_sent(void *argument, struct tcp_pcb *pcb, u16_t length)
{
	(void)argument;
	(void)length;
	return fill(pcb);
}

static err_t source_polled(void *argument, struct tcp_pcb *pcb)
{
	(void)argument;
	return fill(pcb);
}

static err_t source_accepted(void *argument, struct tcp_pcb *pcb, err_t why)
{
	(void)argument;
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, forget);
	tcp_sent(pcb, source_sent);
	tcp_poll(pcb, source_polled, 1);
	return why == ERR_OK ? fill(pcb) : why;
}

static void datagram(void *argument, struct udp_pcb *pcb, struct pbuf *bytes, const ip_addr_t *from, u16_t port)
{
	(void)argument;
	/* One that cannot be sent is lost, as UDP is. */
	udp_sendto(pcb, bytes, from, port);
	pbuf_free(bytes);
}

static void serve(u16_t port, tcp_accept_fn accepted)
{
	struct tcp_pcb *pcb = tcp_new();
	if (!pcb || tcp_bind(pcb, IP4_ADDR_ANY, port) != ERR_OK || !(pcb = tcp_listen_with_backlog(pcb, 255)))
		fail("it cannot listen");
	tcp_accept(pcb, accepted);
}

static int64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000000) + time.tv_nsec / 1000;
}

int main(int count, char **words)
{
	static struct netif netif;
	ip4_addr_t own, mask;
	if (count != 6 || !ip4addr_aton(words[3], &own)
	    || sscanf(words[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &hardware[0], &hardware[1], &hardware[2], &hardware[3],
		      &hardware[4], &hardware[5]) != 6) {
		fprintf(stderr, "usage: lwip FD MAC ADDRESS LENGTH SPIN\n");
		return 2;
	}
	tap = atoi(words[1]);
	mask.addr = lwip_htonl(~UINT32_C(0) << (32 - atoi(words[4])));
	int64_t spin = atoi(words[5]);
	lwip_init();
	if (!netif_add(&netif, &own, &mask, IP4_ADDR_ANY4, NULL, begin, ethernet_input))
		fail("there is no netif");
	netif_set_default(&netif);
	netif_set_up(&netif);
	struct udp_pcb *pcb = udp_new();
	if (!pcb || udp_bind(pcb, IP4_ADDR_ANY, ECHO) != ERR_OK)
		fail("it cannot bind");
	udp_recv(pcb, datagram, NULL);
	serve(ECHO, echo_accepted);
	serve(DISCARD, discard_accepted);
	serve(SOURCE, source_accepted);
	puts("ready");
	fflush(stdout);

	/* Since when nothing has come. */
	for (int64_t since = now();;) {
		int worked = take(&netif);
		sys_check_timeouts();
		if (worked) {
			since = 0;
		} else if (!since) {
			since = now();
		} else if (now() - since > spin) {
			struct pollfd wanted = { .fd = tap, .events = POLLIN };
			u32_t rest = sys_timeouts_sleeptime();
			poll(&wanted, 1, rest > 1000 ? 1000 : (int)rest);
		}
	}
}

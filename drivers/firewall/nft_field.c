#include "nft_field.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#define NETWORK NFT_PAYLOAD_NETWORK_HEADER
#define TRANSPORT NFT_PAYLOAD_TRANSPORT_HEADER

const Field NFT_FIELDS[] = {
    {"iifname", TRUE, NFT_META_IIFNAME, 0, NAME_SIZE, 0, 0, FORMAT_NAME},
    {"oifname", TRUE, NFT_META_OIFNAME, 0, NAME_SIZE, 0, 0, FORMAT_NAME},
    {"meta nfproto", TRUE, NFT_META_NFPROTO, 0, 1, 0, 0, FORMAT_FAMILY},
    {"meta l4proto", TRUE, NFT_META_L4PROTO, 0, 1, 0, 0, FORMAT_BYTE},
    {"ip saddr", FALSE, NETWORK, 12, 4, NFPROTO_IPV4, 0, FORMAT_CIDR4},
    {"ip daddr", FALSE, NETWORK, 16, 4, NFPROTO_IPV4, 0, FORMAT_CIDR4},
    {"ip6 saddr", FALSE, NETWORK, 8, 16, NFPROTO_IPV6, 0, FORMAT_CIDR6},
    {"ip6 daddr", FALSE, NETWORK, 24, 16, NFPROTO_IPV6, 0, FORMAT_CIDR6},
    {"tcp sport", FALSE, TRANSPORT, 0, 2, 0, IPPROTO_TCP, FORMAT_PORT},
    {"tcp dport", FALSE, TRANSPORT, 2, 2, 0, IPPROTO_TCP, FORMAT_PORT},
    {"udp sport", FALSE, TRANSPORT, 0, 2, 0, IPPROTO_UDP, FORMAT_PORT},
    {"udp dport", FALSE, TRANSPORT, 2, 2, 0, IPPROTO_UDP, FORMAT_PORT},
    {"icmp type", FALSE, TRANSPORT, 0, 1, NFPROTO_IPV4, IPPROTO_ICMP, FORMAT_BYTE},
    {"icmpv6 type", FALSE, TRANSPORT, 0, 1, NFPROTO_IPV6, IPPROTO_ICMPV6, FORMAT_BYTE},
    {NULL},
};

const Verdict NFT_VERDICTS[] = {
    {"accept", NF_ACCEPT}, {"drop", NF_DROP}, {"return", NFT_RETURN}, {NULL}};

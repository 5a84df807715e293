//! The program against real ones: each test starts `taphouse` in a network namespace of its own, and lets `ping`,
//! `arping`, `nmap`, `tcpdump` and the kernel's sockets judge what it does.

mod arp;
mod auto;
mod batches;
mod capture;
mod confined;
mod conflict;
mod echo;
mod end;
mod errors;
mod faults;
mod first;
mod fragments;
mod ftp;
mod ftp_client;
mod ftp_hostile;
mod ftp_mirror;
mod ftp_tls;
mod ftp_users;
mod house;
mod idle;
#[path = "../impair/mod.rs"]
mod impair;
mod internet;
mod iperf;
#[path = "../lab/mod.rs"]
mod lab;
mod neighbours;
mod path_mtu;
mod plain;
mod ports;
mod postfix;
mod program;
mod rarp;
mod record;
mod relay;
#[path = "../relay/mod.rs"]
mod relayed;
mod rival;
mod routed;
mod rtp;
mod shape;
mod smtp;
mod smtp_hop;
mod smtp_relay;
mod smtp_send;
mod start;
mod taps;
mod tcp;
mod trace;
mod udp;
mod user;
mod users;
mod vlan;

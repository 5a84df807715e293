//! Our host on a wire in memory: frames that etherparse made go in, what comes out is read with etherparse, and time is
//! what the test says.

mod addresses;
mod ahead;
mod arp;
mod bad_ip;
mod budget;
mod burst;
mod discovery;
mod disk;
mod echo;
mod errors;
mod extension;
mod faults;
mod flood;
mod fragments;
mod ftp;
mod journal;
mod lease;
mod lies;
mod multicast;
mod mutation;
mod ndp;
mod neighbors;
mod offload;
mod packet;
mod power;
mod reading;
mod redirects;
mod relay;
mod routers;
mod samples;
mod services;
#[path = "../session/mod.rs"]
mod session;
mod shards;
mod shelf;
mod smoltcp;
mod smtp;
mod storage;
mod tcp;
mod trace;
mod udp;
mod vlan;
mod wire;

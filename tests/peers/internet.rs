//! Options, extension headers and groups, as the tools of every host use them.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::conflict::bridge;
use crate::house::{BOTH, V4, V6, count, ping_command};
use crate::lab::Lab;

#[test]
fn routes_and_times_are_recorded() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("");
    let text = lab.start(ping_command("-c 3 -i 0.1 -W 5 -R", V4)).ended().ok();
    assert!(text.contains("3 received, 0% packet loss"), "{text}");
    let route: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("RR:")).take(3).collect();
    let hosts: Vec<&str> = route.iter().map(|line| line.trim_start_matches("RR:").trim()).collect();
    assert_eq!(hosts, ["10.77.0.1", "10.77.0.2", "10.77.0.1"], "there and back: {text}");
    for (wish, addresses) in [("tsonly", 0), ("tsandaddr", 1)] {
        let text = lab.start(ping_command(&format!("-c 3 -i 0.1 -W 5 -T {wish}"), V4)).ended().ok();
        assert!(text.contains("3 received, 0% packet loss"), "{text}");
        let stamps = text.lines().skip_while(|line| !line.starts_with("TS:")).take(2 + addresses);
        let stamps = stamps.collect::<Vec<_>>().join("\n");
        // Our clock does not know midnight, and says so.
        assert!(stamps.contains("not-standard"), "{text}");
        assert!(addresses == 0 || stamps.contains("10.77.0.2"), "{text}");
    }
}

#[test]
fn traces_end_here() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("");
    let text = lab.run("traceroute -6 -n -w 5 -q 3 fd77::2").ok();
    assert!(text.lines().nth(1).is_some_and(|line| line.contains("fd77::2") && !line.contains('*')), "{text}");
    assert_eq!(text.lines().count(), 2, "one step: {text}");
    let text = lab.run("traceroute -n -w 5 -q 3 10.77.0.2").ok();
    assert!(text.lines().nth(1).is_some_and(|line| line.contains("10.77.0.2") && !line.contains('*')), "{text}");
    for to in BOTH {
        let text = lab.run(&format!("tracepath -n {to}")).ok();
        assert!(text.contains("reached") && text.contains("pmtu 1500 hops 1 back 1"), "{text}");
    }
}

#[test]
fn all_nodes_are_here() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("");
    let text = lab.run("ping -n -c 3 -i 0.2 -W 5 ff02::1%tap0").ok();
    assert!(text.contains(house.link_local()), "{text}");
}

/// A bridge that looks who listens passes on only to them: the group by which others ask for our addresses has to be listed.
#[test]
fn a_bridge_lists_the_group_of_our_addresses() {
    let Some(lab) = Lab::new() else { return };
    bridge(&lab);
    lab.ip("link set br0 type bridge mcast_snooping 1 mcast_querier 1");
    let _house = lab.house("--tap tapa --no-host --mac 02:00:00:00:00:05 --address fd77::2/64");
    let start = Instant::now();
    let listed = || lab.run("bridge mdb show dev br0").ok();
    while !["ff02::1:ff00:2", "ff02::1:ff00:5"].iter().all(|group| listed().contains(&format!("port tapa grp {group}")))
    {
        assert!(start.elapsed() < Duration::from_secs(10), "{}", listed());
        sleep(Duration::from_millis(50));
    }
    lab.ping(V6);
}

/// Groups that the command line names are told to a bridge that looks who listens, with the one source that is wanted of one.
#[test]
fn groups_of_the_command_line_are_joined() {
    let Some(lab) = Lab::new() else { return };
    bridge(&lab);
    let hurry = "mcast_query_response_interval 50 mcast_startup_query_interval 100 mcast_startup_query_count 20";
    lab.ip(&format!(
        "link set br0 type bridge mcast_snooping 1 mcast_querier 1 mcast_igmp_version 3 mcast_mld_version 2 {hurry}"
    ));
    let groups = "--group 239.1.2.3 --group 232.1.2.3@10.77.0.1 --group ff15::1234";
    let _house = lab.house(&format!("--tap tapa --no-host --services discard {groups}"));
    let start = Instant::now();
    let listed = || lab.run("bridge -d mdb show dev br0").ok();
    let wanted = ["grp 239.1.2.3 ", "grp 232.1.2.3 src 10.77.0.1", "grp ff15::1234 "];
    while !wanted.iter().all(|group| listed().contains(&format!("port tapa {group}"))) {
        assert!(start.elapsed() < Duration::from_secs(10), "{}", listed());
        sleep(Duration::from_millis(50));
    }
}

/// Every chain of up to four extension headers in every order is answered as RFC 8200 has it.
#[test]
fn chains_are_answered_as_the_rfcs_have_it() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("--mac 02:00:00:00:00:05");
    lab.ping(V6);
    let told = lab.python("chains.py", &["tap0", "02:00:00:00:00:05", "many"]);
    assert!(told.ends_with("30941 chains, 0 answers differ\n"), "{told}");
    let report = house.end().stderr;
    assert_eq!(count(&report, "dropped-error-rate-limit"), 0, "{report}");
}

/// The same chains for the kernel of this machine: what it answers is told, not judged.
#[test]
fn chains_for_the_kernel() {
    let (Some(lab), Some(other)) = (Lab::new(), Lab::new()) else { return };
    lab.ip(&format!("link add here type veth peer name there netns {}", other.name));
    lab.ip("link set here up");
    other.ip("link set there address 02:00:00:00:00:05 up");
    other.ip("addr add fd77::2/64 dev there nodad");
    other.ip("neigh replace fd77::99 lladdr 02:00:00:00:00:99 dev there nud permanent");
    let unlimited = || std::fs::write("/proc/sys/net/ipv6/icmp/ratelimit", "0");
    other.namespace().enter(unlimited).expect("the namespace is there").expect("the limit can be lifted");
    let told = lab.python("chains.py", &["here", "02:00:00:00:00:05", "one"]);
    println!("{told}");
    assert!(told.contains("30941 chains"), "{told}");
}

//! What else the machine does meanwhile: a round that others disturbed says nothing.

use std::fs::read_to_string;
use std::io;
use std::time::Instant;

/// The kernel tells processor time in hundredths of a second.
const TICKS: f64 = 100.0;

/// Processor time that others used so far.
pub(crate) struct Others {
    at: Instant,
    ticks: f64,
}

impl Others {
    pub(crate) fn now() -> io::Result<Others> {
        let machine = read_to_string("/proc/stat")?;
        let own = read_to_string("/proc/self/stat")?;
        // proc_stat(5): user, nice and system come first, and steal, which a hypervisor took, is number 8. Interrupts are
        // left out: they are the wire's own work.
        let machine = numbers(machine.lines().next().unwrap_or_default().trim_start_matches("cpu"));
        let busy: f64 = machine.iter().take(3).chain(machine.get(7)).sum();
        // proc_pid_stat(5): utime and stime are the 12th and 13th behind the name, which stands in brackets, less the
        // state, which is no number.
        let own = numbers(
            own.rsplit_once(')').map_or("", |(_, behind)| behind.trim_start().trim_start_matches(char::is_alphabetic)),
        );
        let own: f64 = own.iter().skip(10).take(2).sum();
        Ok(Others { at: Instant::now(), ticks: busy - own })
    }

    /// Cores that they kept busy since then, on average.
    pub(crate) fn since(&self) -> io::Result<f64> {
        let now = Others::now()?;
        Ok((now.ticks - self.ticks).max(0.0) / TICKS / (now.at - self.at).as_secs_f64())
    }
}

fn numbers(text: &str) -> Vec<f64> {
    text.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

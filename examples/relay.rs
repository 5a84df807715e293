//! A bad path between two TAPs, each in its network namespace, for measuring the kernel and `taphouse` alike:
//!
//! ```text
//! relay near:path far:path --delay 25 --loss 10
//! ```
//!
//! It makes both TAPs, brings them up, and says so; they go when it is
//! interrupted. It takes root.

#[path = "../tests/impair/mod.rs"]
mod impair;
#[path = "../tests/relay/mod.rs"]
mod relay;

use std::error::Error;
use std::time::Duration;

use clap::Parser;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use taphouse::device::Namespace;

use impair::Conditions;
use relay::{Relay, Relayed};

/// A bad path between two TAPs.
#[derive(Parser)]
struct Arguments {
    /// The first TAP, as NAMESPACE:NAME
    one: String,
    /// The second TAP, as NAMESPACE:NAME
    other: String,
    /// Milliseconds that a frame is on its way, each way
    #[arg(long, default_value_t = 1.0)]
    delay: f64,
    /// Megabits a second; 0 for no limit
    #[arg(long, default_value_t = 1000)]
    rate: u64,
    /// Frames that may wait to leave
    #[arg(long, default_value_t = 1000)]
    queue: usize,
    /// Of 1,000: how many are lost
    #[arg(long, default_value_t = 0)]
    loss: u64,
    /// Of 1,000: how many arrive twice
    #[arg(long, default_value_t = 0)]
    duplication: u64,
    /// Of 1,000: how many have a bit changed
    #[arg(long, default_value_t = 0)]
    corruption: u64,
    /// Of 1,000: how many are overtaken
    #[arg(long, default_value_t = 0)]
    reordering: u64,
    /// By how many of those behind them, at most
    #[arg(long, default_value_t = 4)]
    overtaking: u64,
    /// Bytes of the largest packet that both links take
    #[arg(long, default_value_t = 1500)]
    mtu: usize,
    /// Bytes of the largest packet that gets through the router between them
    #[arg(long)]
    path_mtu: Option<usize>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let Arguments { one, other, delay, rate, queue, loss, .. } = arguments;
    let Arguments { duplication, corruption, reordering, overtaking, mtu, path_mtu, .. } = arguments;
    let conditions = Conditions {
        delay: Duration::try_from_secs_f64(delay / 1000.0)?,
        rate: rate * 1_000_000,
        queue,
        loss,
        duplication,
        corruption,
        reordering: (reordering, overtaking.max(1)),
        shrinking: 0,
        mtu: (path_mtu.unwrap_or(usize::MAX), path_mtu.unwrap_or(usize::MAX)),
        silent: false,
        marking: usize::MAX,
    };
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let relay = Relay::start([end(&one)?, end(&other)?], mtu, [conditions.clone(), conditions])?;
    println!("ready {one} {other}");
    signals.forever().next();
    let Relayed { came, delivered, refused } = relay.end();
    println!("{came} frames came, {delivered} were delivered, {refused} refused");
    Ok(())
}

fn end(text: &str) -> Result<(Namespace, &str), Box<dyn Error>> {
    let (namespace, name) = text.split_once(':').ok_or_else(|| format!("{text}: not NAMESPACE:NAME"))?;
    Ok((Namespace::named(namespace), name))
}

//! The system calls of the loop and its threads; all others fail with EPERM.
//!
//! They fail and do not kill: a C library that tries something newer first goes on with what it knows, and what is
//! refused does no harm.
//!
//! Being filtered at all costs about 50 ns a call, measured on an empty read; how long the list is costs nothing, for
//! the kernel remembers which calls are allowed whatever their arguments are (since Linux 5.11). So the calls of the hot
//! loop have no conditions.

use std::collections::BTreeMap;

use libc::{c_long, c_uint};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

use super::Held;

/// What the loop, the threads, the allocator and the end of the process need.
const ALWAYS: &[c_long] = &[
    // The device, the wakers, what is printed.
    libc::SYS_eventfd2,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_ppoll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_close,
    // The signals' own pair of sockets.
    libc::SYS_recvfrom,
    // Time, where the kernel does not answer without being called.
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    // Threads and locks.
    libc::SYS_futex,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_membarrier,
    libc::SYS_rseq,
    libc::SYS_getcpu,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    // Memory; mmap and mprotect are below.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_getrandom,
    // Signals, and ending by one: a panic while panicking aborts.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// What files take, besides: only where folders were named, for landlock knows nothing of reading a folder's attributes.
const WITH_FILES: &[c_long] = &[
    libc::SYS_openat,
    // Paths that do not lead out of a folder; where the kernel cannot, links are read step by step.
    libc::SYS_openat2,
    libc::SYS_readlinkat,
    libc::SYS_newfstatat,
    libc::SYS_fstat,
    libc::SYS_statx,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_ftruncate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_fcntl,
    libc::SYS_utimensat,
    libc::SYS_fchmod,
    libc::SYS_mkdirat,
    libc::SYS_renameat2,
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    libc::SYS_renameat,
    libc::SYS_linkat,
    libc::SYS_unlinkat,
    // What the C library still makes of the same functions there.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
];

/// Lets this thread, and those that it starts, make no other system calls. `files`: also those on files.
pub(super) fn filter(files: bool) -> Held {
    let Ok(arch) = std::env::consts::ARCH.try_into() else {
        return Held::Not(format!("seccomp is not prepared for {}", std::env::consts::ARCH));
    };
    let compiled = || -> Result<[BpfProgram; 2], seccompiler::BackendError> {
        // Its flags lie in memory, where no filter sees them, and among them are new namespaces. The C library makes a
        // thread with `clone` when there is no such call.
        let newer = SeccompFilter::new(
            BTreeMap::from([(libc::SYS_clone3, Vec::new())]),
            SeccompAction::Allow,
            SeccompAction::Errno(libc::ENOSYS as u32),
            arch,
        )?;
        let few =
            SeccompFilter::new(rules(files)?, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow, arch)?;
        Ok([newer.try_into()?, few.try_into()?])
    };
    let applied = compiled().map_err(seccompiler::Error::from).and_then(|[newer, few]| {
        apply_filter(&newer)?;
        apply_filter(&few)
    });
    match applied {
        Ok(()) => Held::Fully,
        Err(why) => Held::Not(format!("seccomp: {why}")),
    }
}

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

fn rules(files: bool) -> Result<Rules, seccompiler::BackendError> {
    let files = if files { WITH_FILES } else { &[] };
    // A call with no rule beside it is allowed whatever its arguments are.
    let mut rules: Rules = ALWAYS.iter().chain(files).map(|call| (*call, Vec::new())).collect();
    let bits = |argument, mask: c_uint, value: c_uint| {
        let same = SeccompCmpOp::MaskedEq(u64::from(mask));
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, same, u64::from(value))
            .and_then(|condition| SeccompRule::new(vec![condition]))
    };
    let none = |argument| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)
            .and_then(|condition| SeccompRule::new(vec![condition]))
    };
    let thread = libc::CLONE_THREAD as c_uint;
    rules.extend([
        // Threads, but no processes.
        (libc::SYS_clone, vec![bits(0, thread, thread)?]),
        // Allowed above, where the other filter forbids it in its own way.
        (libc::SYS_clone3, Vec::new()),
        // No memory becomes code.
        (libc::SYS_mmap, vec![bits(2, libc::PROT_EXEC as c_uint, 0)?]),
        (libc::SYS_mprotect, vec![bits(2, libc::PROT_EXEC as c_uint, 0)?]),
        // A thread's name, and nothing else of prctl.
        (libc::SYS_prctl, vec![bits(0, c_uint::MAX, libc::PR_SET_NAME as c_uint)?]),
        // To the signals' own sockets, which are connected: nowhere else.
        (libc::SYS_sendto, vec![none(4)?]),
    ]);
    Ok(rules)
}

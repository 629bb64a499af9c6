//! What the process takes of the system, under the names that Prometheus' own clients use. Nothing where there is no `/proc`.

use crate::metrics::Writer;
use std::fmt;

#[cfg(not(target_os = "linux"))]
pub(crate) fn write(_: &mut Writer<'_>) -> fmt::Result {
    Ok(())
}

#[cfg(target_os = "linux")]
pub(crate) fn write(out: &mut Writer<'_>) -> fmt::Result {
    use procfs::process::{LimitValue, Process};
    use prometheus_client::registry::Unit;

    let Ok(process) = Process::myself() else { return Ok(()) };
    if let Ok(stat) = process.stat() {
        // Ticks of a hundredth of a second: a double holds them for longer than the process lives.
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
        let threads = u64::try_from(stat.num_threads).unwrap_or_default();
        out.counter_f64("process_cpu", "Processor time", Some(Unit::Seconds), seconds(stat.utime + stat.stime))?;
        let resident = stat.rss.saturating_mul(procfs::page_size());
        out.gauge("process_resident_memory", "Resident memory", Some(Unit::Bytes), resident)?;
        out.gauge("process_virtual_memory", "Virtual memory", Some(Unit::Bytes), stat.vsize)?;
        out.gauge("process_threads", "Threads", None, threads)?;
        if let Ok(boot) = procfs::boot_time_secs() {
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            let start = boot as f64 + seconds(stat.starttime);
            out.gauge_f64("process_start_time", "Start, since the Unix epoch", Some(Unit::Seconds), start)?;
        }
    }
    if let Ok(open) = process.fd_count() {
        out.gauge("process_open_fds", "Open descriptors", None, open as u64)?;
    }
    if let Ok(limits) = process.limits()
        && let LimitValue::Value(max) = limits.max_open_files.soft_limit
    {
        out.gauge("process_max_fds", "Descriptors that the system gives", None, max)?;
    }
    Ok(())
}

package io.ffrtmp.governance.micrometer;

/**
 * The meters' names as Micrometer writes them, behind a prefix; a registry makes its own of them:
 * {@code ffrtmp.wrapper.jobs.started} is Prometheus' {@code ffrtmp_wrapper_jobs_started_total}.
 *
 * @param prefix what every name begins with, before a dot
 */
public record MetricNames(String prefix) {
  /** A counter by {@code mode}. An observation begins, or a start fails. */
  public static final String JOBS_STARTED = "wrapper.jobs.started";

  /** A counter by {@code mode} and {@code sla}. An observation ends, by detaching too. */
  public static final String JOBS_COMPLETED = "wrapper.jobs.completed";

  /** A counter by {@code mode} and {@code reason}. A start fails. */
  public static final String JOBS_FAILED = "wrapper.jobs.failed";

  /** A counter. An observation of mode {@code attach} begins. */
  public static final String JOBS_ATTACHED = "wrapper.jobs.attached";

  /** A gauge by {@code mode}: the observations that have begun and not ended. */
  public static final String ACTIVE_JOBS = "wrapper.active.jobs";

  /** A histogram by {@code mode}, seconds. An observation ends, by detaching too. */
  public static final String JOB_DURATION = "wrapper.job.duration";

  /** A counter by {@code compliant}. An observation ends, or a start fails. */
  public static final String PLATFORM_SLA = "platform.sla";

  /** A counter by {@code exit}. A workload is seen to end. */
  public static final String JOBS_EXIT = "wrapper.jobs.exit";

  /** A counter by {@code reason}. A result is not compliant. */
  public static final String VIOLATIONS = "wrapper.violations";

  /** A counter by {@code limit} and {@code status}. A result has this limit. */
  public static final String LIMITS = "wrapper.limits";

  /** A counter, seconds. A workload ends that used so much CPU time. */
  public static final String CPU = "wrapper.cpu";

  /** A counter, seconds. A workload ends that its {@code cpu.max} held back for so long. */
  public static final String CPU_THROTTLED = "wrapper.cpu.throttled";

  /** A histogram, bytes. A workload ends that was charged so much memory at most. */
  public static final String MEMORY_PEAK = "wrapper.memory.peak";

  /** A counter. A workload ends of which the kernel killed so many for want of memory. */
  public static final String OOM_KILLS = "wrapper.oom.kills";

  /** The whole name. */
  public String of(String name) {
    return prefix + "." + name;
  }
}

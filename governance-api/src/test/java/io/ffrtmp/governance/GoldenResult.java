package io.ffrtmp.governance;

import io.ffrtmp.governance.Evidence.OomCause;
import io.ffrtmp.governance.LimitOutcome.Detail;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Moved.NotMoved;
import io.ffrtmp.governance.ResourceUsage.Counter;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/** One result for each kind of ending, with its text in {@code src/test/resources/results}. */
enum GoldenResult {
  COMPLETED(new Ending.Ended(new ExitStatus.Exited(0))),
  SIGNALLED(new Ending.Ended(new ExitStatus.Signalled(Signal.KILL, true))),
  OBSERVED(new Ending.Ended(new ExitStatus.Exited(0))),
  UNKNOWN(new Ending.Ended(new ExitStatus.Unknown(ExitStatus.Cause.KERNEL_TOO_OLD))),
  DETACHED(new Ending.Detached()),
  NEVER_STARTED(
      new Ending.NeverStarted(
          StartFailure.of(
              StartFailure.Fault.WORKLOAD,
              StartFailure.Step.PROGRAM,
              Optional.of("ENOENT"),
              "\"ffmpg\" is not on the PATH: install it, or give its path")));

  private static final Instant NOON = Instant.parse("2026-01-02T12:00:00.000001Z");
  private final Ending ending;

  GoldenResult(Ending ending) {
    this.ending = ending;
  }

  JobResult result(Duration time) {
    return JobResult.freeze(start(), NOON.plus(time), time, ending, receipt(), usage(), evidence());
  }

  private JobStart start() {
    boolean attached = this == OBSERVED || this == UNKNOWN || this == DETACHED;
    OptionalLong pid = this == NEVER_STARTED ? OptionalLong.empty() : OptionalLong.of(12345);
    Optional<String> intent = this == COMPLETED ? Optional.of("production") : Optional.empty();
    return JobStart.of("job-001", pid, attached ? Mode.ATTACH : Mode.RUN, intent, NOON);
  }

  private Receipt receipt() {
    return switch (this) {
      case COMPLETED ->
          Receipt.of(
              List.of(
                  LimitOutcome.of(Limit.CPU_MAX, Status.APPLIED, "200000 100000")
                      .with(Detail.FILE, "/sys/fs/cgroup/ffrtmp/job-001/cpu.max")
                      .with(Detail.READ_BACK, "200000 100000")
                      .with(Detail.WRITTEN, "200000 100000"),
                  LimitOutcome.of(Limit.MEMORY_MAX, Status.ADJUSTED, "4294967297")
                      .with(Detail.EFFECTIVE, "4294967296")
                      .with(Detail.EFFECTIVE_AT, "/ffrtmp/job-001")));
      case DETACHED ->
          Receipt.of(
              List.of(
                  LimitOutcome.of(Limit.CPU_WEIGHT, Status.DENIED, "200")
                      .with(Detail.CURE, "systemctl set-property --runtime x.service CPUWeight=200")
                      .with(Detail.ERRNO, "EACCES")));
      case OBSERVED ->
          Receipt.of(List.of(LimitOutcome.of(Limit.CPU_WEIGHT, Status.APPLIED, "200")))
              .moved(
                  Moved.of(
                          3,
                          1L << 40,
                          List.of(
                              new NotMoved(12347, "EPERM, somebody else's"),
                              new NotMoved(12348, "forked faster than 8 rounds")))
                      .barredCgroup("/sys/fs/cgroup/system.slice/stream.service"));
      case UNKNOWN -> Receipt.EMPTY.moved(Moved.of(1, 0, List.of()));
      default -> Receipt.EMPTY;
    };
  }

  private ResourceUsage usage() {
    return this == COMPLETED
        ? ResourceUsage.of(
            Map.of(Counter.MEMORY_PEAK_BYTES, 1L << 33, Counter.CPU_USER_USEC, 11_000_000L))
        : ResourceUsage.UNKNOWN;
  }

  private Evidence evidence() {
    return switch (this) {
      case COMPLETED -> Evidence.NONE.survivors(0);
      case SIGNALLED -> Evidence.NONE.moved().oomKilledBy(OomCause.ABOVE).survivors(2);
      default -> Evidence.NONE;
    };
  }
}

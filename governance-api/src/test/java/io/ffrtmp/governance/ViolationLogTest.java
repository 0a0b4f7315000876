package io.ffrtmp.governance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.ffrtmp.governance.Ending.Ended;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.LimitOutcome.Status;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.domains.Domain;
import net.jqwik.api.domains.DomainContext;
import org.junit.jupiter.api.Test;

@Domain(Vocabulary.class)
@Domain(DomainContext.Global.class)
class ViolationLogTest {
  private static final Receipt DENIED =
      Receipt.of(List.of(LimitOutcome.of(Limit.CPU_MAX, Status.DENIED, "1000 1000")));

  /** Broken by the platform; pid, seconds and exit code all tell the same number. */
  private static JobResult violation(int number) {
    Instant now = Instant.EPOCH;
    return JobResult.freeze(
        JobStart.of("job-" + number, OptionalLong.of(number), Mode.RUN, Optional.empty(), now),
        now.plusSeconds(number),
        Duration.ofSeconds(number),
        new Ended(new Exited(number % 256)),
        DENIED,
        ResourceUsage.UNKNOWN,
        Evidence.NONE);
  }

  @Property
  void log_anyResults_keepsTheNewestViolationsNewestFirst(
      @ForAll List<JobResult> results, @ForAll @IntRange(min = 1, max = 5) int capacity) {
    ViolationLog log = new ViolationLog(capacity);
    results.forEach(log::finished);
    List<Violation> all =
        new ArrayList<>(
            results.stream()
                .filter(result -> !result.verdict().compliant())
                .map(Violation::of)
                .toList());
    Collections.reverse(all);
    assertThat(log.newest()).isEqualTo(all.subList(0, Math.min(capacity, all.size())));
  }

  @Test
  void log_byDefault_keepsFifty() {
    ViolationLog log = new ViolationLog();
    for (int i = 1; i <= 120; i++) {
      log.finished(violation(i));
    }
    assertThat(log.newest()).hasSize(50);
    assertThat(log.newest().get(0).jobId()).isEqualTo("job-120");
    assertThat(log.newest().get(49).jobId()).isEqualTo("job-71");
  }

  @Test
  void log_ofAStartThatFailed_keepsItOnlyIfThePlatformIsAtFault() {
    ViolationLog log = new ViolationLog();
    log.startFailed(GoldenResult.NEVER_STARTED.result(Duration.ZERO));
    assertThat(log.newest()).isEmpty();
    log.startFailed(violation(1));
    assertThat(log.newest()).hasSize(1);
  }

  @Test
  void log_impossibleCapacity_isRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> new ViolationLog(0));
    assertThatIllegalArgumentException().isThrownBy(() -> new ViolationLog(10_001));
  }

  @Property
  void violation_ofAnyResult_tellsTheSame(@ForAll JobResult result) {
    Violation violation = Violation.of(result);
    assertThat(violation.jobId()).isEqualTo(result.jobId());
    assertThat(violation.reason()).isEqualTo(result.verdict());
    assertThat(violation.duration()).isEqualTo(result.processingTime());
    assertThat(violation.pid()).isEqualTo(result.pid());
    OptionalLong code =
        result.exitStatus().orElse(null) instanceof Exited exited
            ? OptionalLong.of(exited.code())
            : OptionalLong.empty();
    assertThat(violation.exitCode()).isEqualTo(code);
  }

  @Test
  void json_byBothJacksons_hasTheWireNamesInTheirOrder() throws Exception {
    ViolationLog log = new ViolationLog();
    log.finished(violation(7));
    log.finished(GoldenResult.SIGNALLED.result(Duration.ofDays(40)));
    String json =
        "[{\"job_id\":\"job-001\",\"reason\":\"platform_out_of_memory\","
            + "\"duration_seconds\":3456000.000000,\"pid\":12345},"
            + "{\"job_id\":\"job-7\",\"reason\":\"limits_not_enforced\","
            + "\"duration_seconds\":7.000000,\"exit_code\":7,\"pid\":7}]";
    assertThat(new com.fasterxml.jackson.databind.ObjectMapper().writeValueAsString(log))
        .isEqualTo(json);
    assertThat(new tools.jackson.databind.json.JsonMapper().writeValueAsString(log))
        .isEqualTo(json);
  }

  @Test
  void log_readBy64ThreadsWhileJobsEnd_isNeverTorn() throws Exception {
    ViolationLog log = new ViolationLog();
    AtomicBoolean done = new AtomicBoolean();
    ExecutorService threads = Executors.newFixedThreadPool(68);
    try {
      List<Future<Integer>> readers = new ArrayList<>();
      for (int i = 0; i < 64; i++) {
        readers.add(threads.submit(() -> readUntil(done, log)));
      }
      List<Future<?>> writers = new ArrayList<>();
      for (int first = 1; first <= 4; first++) {
        int start = first;
        writers.add(
            threads.submit(
                () -> {
                  for (int i = start; i <= 4_000; i += 4) {
                    log.finished(violation(i));
                  }
                }));
      }
      for (Future<?> writer : writers) {
        writer.get();
      }
      done.set(true);
      for (Future<Integer> reader : readers) {
        assertThat(reader.get()).isPositive();
      }
      assertThat(log.newest()).hasSize(50).doesNotHaveDuplicates();
    } finally {
      done.set(true);
      threads.shutdownNow();
    }
  }

  private static int readUntil(AtomicBoolean done, ViolationLog log) {
    int reads = 0;
    boolean last;
    do {
      last = done.get();
      List<Violation> all = log.newest();
      assertThat(all.size()).isLessThanOrEqualTo(50);
      int[] newestOfWriter = {Integer.MAX_VALUE, Integer.MAX_VALUE, Integer.MAX_VALUE, 4_001};
      for (Violation each : all) {
        int number = Integer.parseInt(each.jobId().substring(4));
        assertThat(each.pid()).hasValue(number);
        assertThat(each.duration()).isEqualTo(Duration.ofSeconds(number));
        assertThat(each.exitCode()).hasValue(number % 256);
        assertThat(number).as("in its writer's order").isLessThan(newestOfWriter[number % 4]);
        newestOfWriter[number % 4] = number;
      }
      reads++;
    } while (!last);
    return reads;
  }
}

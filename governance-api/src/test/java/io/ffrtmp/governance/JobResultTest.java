package io.ffrtmp.governance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.ffrtmp.governance.Ending.Detached;
import io.ffrtmp.governance.Ending.Ended;
import io.ffrtmp.governance.Ending.NeverStarted;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.ExitStatus.Signalled;
import io.ffrtmp.governance.ExitStatus.Unknown;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.domains.Domain;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@Domain(Vocabulary.class)
class JobResultTest {
  private static final Instant NOON = Instant.parse("2026-01-02T12:00:00Z");
  private static final JobStart START =
      JobStart.of("job-001", OptionalLong.of(12345), Mode.RUN, Optional.empty(), NOON);

  @Property
  void result_frozen_tellsWhatWentIn(
      @ForAll JobStart start,
      @ForAll Instant end,
      @ForAll Duration time,
      @ForAll Ending ending,
      @ForAll Receipt receipt,
      @ForAll ResourceUsage usage,
      @ForAll Evidence evidence) {
    JobResult result = JobResult.freeze(start, end, time, ending, receipt, usage, evidence);
    assertThat(result.start()).isEqualTo(start);
    assertThat(result.jobId()).isEqualTo(start.jobId());
    assertThat(result.pid()).isEqualTo(start.pid());
    assertThat(result.endTime()).isEqualTo(end.truncatedTo(ChronoUnit.MICROS));
    assertThat(result.processingTime()).isEqualTo(time.truncatedTo(ChronoUnit.MICROS));
    assertThat(result.ending()).isEqualTo(ending);
    assertThat(result.receipt()).isEqualTo(receipt);
    assertThat(result.usage()).isEqualTo(usage);
    assertThat(result.evidence()).isEqualTo(evidence);
    assertThat(result.verdict()).isEqualTo(Verdict.of(start.mode(), ending, receipt, evidence));
  }

  @Property
  void exitStatus_anyEnding_isThereOnlyIfItEnded(@ForAll JobResult result) {
    boolean ended = result.ending() instanceof Ended;
    assertThat(result.workloadEnded()).isEqualTo(ended);
    assertThat(result.exitStatus().isPresent()).isEqualTo(ended);
  }

  @ParameterizedTest
  @ValueSource(strings = {"PT-0.000000001S", "PT-1S", "PT1000000000H", "PT-1000000000H"})
  void processingTime_negativeOrOfCenturies_isRefused(Duration time) {
    assertThatIllegalArgumentException().isThrownBy(() -> result(new Detached(), time));
  }

  @ParameterizedTest
  @MethodSource("logLines")
  void logLine_anyEnding_hasTheFixedForm(Ending ending, Duration time, String expected) {
    assertThat(result(ending, time)).hasToString(expected);
  }

  static Stream<Arguments> logLines() {
    StartFailure missing =
        StartFailure.of(
            StartFailure.Fault.WORKLOAD, StartFailure.Step.PROGRAM, Optional.of("ENOENT"), "no x");
    String job = "JOB job-001 | sla=COMPLIANT | reason=";
    return Stream.of(
        Arguments.of(
            new Ended(new Exited(0)),
            Duration.ofMillis(12_999),
            job + "success | runtime=12s | exit=0 | pid=12345"),
        Arguments.of(
            new Ended(new Exited(3)),
            Duration.ofDays(3),
            job + "workload_failed_platform_ok | runtime=259200s | exit=3 | pid=12345"),
        Arguments.of(
            new Ended(new Signalled(Signal.KILL, false)),
            Duration.ZERO,
            job + "workload_failed_platform_ok | runtime=0s | exit=signal:9 | pid=12345"),
        Arguments.of(
            new Ended(new Unknown(ExitStatus.Cause.NOT_WATCHED)),
            Duration.ZERO,
            "JOB job-001 | sla=VIOLATION | reason=observation_lost | runtime=0s"
                + " | exit=unknown:not_watched | pid=12345"),
        Arguments.of(
            new Detached(),
            Duration.ofSeconds(1),
            job + "detached_workload_continues | runtime=1s | exit=- | pid=12345"),
        Arguments.of(
            new NeverStarted(missing),
            Duration.ZERO,
            job + "workload_not_startable | runtime=0s | exit=- | pid=12345"));
  }

  @Example
  void logLine_intentAndNoPid_isToldBeforeTheVerdict() {
    JobStart start =
        JobStart.of("s-1", OptionalLong.empty(), Mode.ATTACH, Optional.of("production"), NOON);
    assertThat(result(start, new Detached(), Duration.ZERO))
        .hasToString(
            "JOB s-1 | intent=production | sla=COMPLIANT | reason=detached_workload_continues"
                + " | runtime=0s | exit=- | pid=-");
  }

  @Example
  void json_ofAResult_isUnmodifiableThroughout() {
    LimitOutcome outcome = LimitOutcome.of(Limit.CPU_WEIGHT, LimitOutcome.Status.APPLIED, "1");
    JobResult result =
        JobResult.freeze(
            START,
            NOON,
            Duration.ZERO,
            new Ended(new Exited(0)),
            Receipt.of(new ArrayList<>(List.of(outcome))),
            ResourceUsage.of(Map.of(ResourceUsage.Counter.OOM_KILLS, 0L)),
            Evidence.NONE);
    Map<String, Object> json = result.toJson();
    assertThat(json).isUnmodifiable();
    assertThat((Map<?, ?>) json.get("usage")).isUnmodifiable();
    assertThat((List<?>) json.get("limits")).isUnmodifiable();
    assertThat((Map<?, ?>) ((List<?>) json.get("limits")).get(0)).isUnmodifiable();
  }

  @Example
  void result_readBy64ThreadsAtOnce_isOneValue() throws Exception {
    JobResult result = result(new Ended(new Exited(0)), Duration.ofSeconds(12));
    CyclicBarrier together = new CyclicBarrier(64);
    Callable<List<Object>> reader =
        () -> {
          together.await(30, TimeUnit.SECONDS);
          return List.of(
              result.toJson(),
              result.toString(),
              result.hashCode(),
              result.start(),
              result.processingTime(),
              result.ending(),
              result.receipt(),
              result.usage(),
              result.evidence(),
              result.verdict(),
              JobResult.fromJson(result.toJson()));
        };
    ExecutorService threads = Executors.newFixedThreadPool(64);
    try {
      List<Future<List<Object>>> readings = threads.invokeAll(Collections.nCopies(64, reader));
      List<Object> first = readings.get(0).get();
      assertThat(first).contains(result);
      for (Future<List<Object>> reading : readings) {
        assertThat(reading.get()).isEqualTo(first);
      }
    } finally {
      threads.shutdownNow();
    }
  }

  private static JobResult result(Ending ending, Duration time) {
    return result(START, ending, time);
  }

  private static JobResult result(JobStart start, Ending ending, Duration time) {
    return JobResult.freeze(
        start, NOON, time, ending, Receipt.EMPTY, ResourceUsage.UNKNOWN, Evidence.NONE);
  }
}

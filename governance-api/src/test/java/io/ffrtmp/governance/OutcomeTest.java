package io.ffrtmp.governance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.ffrtmp.governance.Evidence.OomCause;
import io.ffrtmp.governance.LimitOutcome.Detail;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.ResourceUsage.Counter;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.domains.Domain;
import net.jqwik.api.domains.DomainContext;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The values in which an observation is told: start, exit, receipt, counters, evidence. */
@Domain(Vocabulary.class)
@Domain(DomainContext.Global.class)
class OutcomeTest {
  private static final Set<Detail> EFFECTIVE = Set.of(Detail.EFFECTIVE, Detail.EFFECTIVE_AT);

  @ParameterizedTest
  @ValueSource(ints = {-1, 256, Integer.MIN_VALUE, Integer.MAX_VALUE})
  void exitCode_outOfRange_isRefused(int code) {
    assertThatIllegalArgumentException().isThrownBy(() -> new ExitStatus.Exited(code));
  }

  @Property
  void brief_anyStatus_tellsTheKindsApart(@ForAll ExitStatus one, @ForAll ExitStatus other) {
    boolean differ =
        one instanceof ExitStatus.Signalled a && other instanceof ExitStatus.Signalled b
            ? !a.signal().equals(b.signal())
            : !one.equals(other);
    assertThat(!one.brief().equals(other.brief())).isEqualTo(differ);
  }

  @Property
  void jobStart_anyFacts_areReadBack(
      @ForAll @LongRange(min = 1, max = Integer.MAX_VALUE) long pid,
      @ForAll Mode mode,
      @ForAll Instant time) {
    JobStart start = JobStart.of("job", OptionalLong.of(pid), mode, Optional.of("test"), time);
    assertThat(start.jobId()).isEqualTo("job");
    assertThat(start.pid()).hasValue(pid);
    assertThat(start.mode()).isEqualTo(mode);
    assertThat(start.intent()).contains("test");
    assertThat(start.startTime()).isEqualTo(time.truncatedTo(ChronoUnit.MICROS));
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -1, 1L << 31, Long.MAX_VALUE})
  void pid_outOfRange_isRefused(long pid) {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                JobStart.of(
                    "job", OptionalLong.of(pid), Mode.RUN, Optional.empty(), Instant.EPOCH));
  }

  @Example
  void jobStart_badNames_areRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> start("cgroup.procs", Optional.empty()));
    assertThatIllegalArgumentException().isThrownBy(() -> start("job", Optional.of("a b")));
  }

  private static JobStart start(String id, Optional<String> intent) {
    return JobStart.of(id, OptionalLong.empty(), Mode.RUN, intent, Instant.EPOCH);
  }

  @Property
  void outcome_withDetailAndStatus_keepsTheRestAndLeavesTheOriginal(
      @ForAll LimitOutcome outcome, @ForAll Detail detail, @ForAll Status status) {
    String before = outcome.toString();
    LimitOutcome changed = outcome.with(detail, "new").status(status);
    assertThat(changed.limit()).isEqualTo(outcome.limit());
    assertThat(changed.asked()).isEqualTo(outcome.asked());
    assertThat(changed.status()).isEqualTo(status);
    for (Detail each : Detail.values()) {
      boolean gone = EFFECTIVE.contains(each) && !status.inForce(); // nothing holds any more
      Optional<String> kept = each == detail ? Optional.of("new") : outcome.get(each);
      assertThat(changed.get(each)).isEqualTo(gone ? Optional.empty() : kept);
    }
    assertThat(outcome).hasToString(before);
  }

  @Example
  void outcome_shortAccessors_areTheDetails() {
    LimitOutcome outcome =
        LimitOutcome.of(Limit.IO_MAX, Status.LOST, "x")
            .with(Detail.READ_BACK, "r")
            .with(Detail.EFFECTIVE, "e")
            .with(Detail.ERRNO, "EACCES")
            .with(Detail.CURE, "c");
    assertThat(outcome.readBack()).contains("r");
    assertThat(outcome.effective()).contains("e");
    assertThat(outcome.errno()).contains("EACCES");
    assertThat(outcome.cure()).contains("c");
  }

  @Property
  void receipt_anyOutcomes_areInTheOrderOfTheLimits(@ForAll List<LimitOutcome> outcomes) {
    List<LimitOutcome> given = new ArrayList<>(outcomes);
    Receipt receipt = Receipt.of(given);
    given.clear();
    assertThat(receipt.limits()).containsExactlyInAnyOrderElementsOf(outcomes).isUnmodifiable();
    assertThat(receipt.limits()).extracting(LimitOutcome::limit).isSorted();
  }

  @Property
  void allInForce_anyReceipt_meansAppliedOrAdjusted(@ForAll Receipt receipt) {
    long others =
        receipt.limits().stream()
            .filter(each -> !Set.of("applied", "adjusted").contains(each.status().wireName()))
            .count();
    assertThat(receipt.allInForce()).isEqualTo(others == 0);
  }

  @Property
  void usage_anyCounters_areReadBackAndTheRestIsUnknown(
      @ForAll Map<Counter, @LongRange(max = Long.MAX_VALUE) Long> counters) {
    ResourceUsage usage = ResourceUsage.of(counters);
    assertThat(usage.counters()).isEqualTo(counters);
    for (Counter counter : Counter.values()) {
      OptionalLong value = usage.get(counter);
      assertThat(value.isPresent()).isEqualTo(counters.containsKey(counter));
      value.ifPresent(known -> assertThat(known).isEqualTo(counters.get(counter)));
    }
  }

  @Example
  void usage_mapChangedLater_staysAsItWas() {
    Map<Counter, Long> counters = new EnumMap<>(Map.of(Counter.OOM_KILLS, 0L));
    ResourceUsage usage = ResourceUsage.of(counters);
    counters.put(Counter.OOM_KILLS, 1L);
    usage.counters().clear();
    assertThat(usage.get(Counter.OOM_KILLS)).hasValue(0);
  }

  @Example
  void usage_negative_isRefusedByName() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ResourceUsage.of(Map.of(Counter.IO_READ_BYTES, -1L)))
        .withMessageContaining("io_read_bytes");
  }

  @Property
  void evidence_setInAnotherOrder_isEqualDownToTheText(
      @ForAll @LongRange(max = 1L << 32) long survivors, @ForAll OomCause cause) {
    Evidence one = Evidence.NONE.survivors(survivors).oomKilledBy(cause).moved();
    Evidence other = Evidence.NONE.moved().oomKilledBy(cause).survivors(survivors);
    assertThat(one).isEqualTo(other).hasToString(other.toString());
    assertThat(one.survivors()).hasValue(survivors);
    assertThat(one.oomKilledBy()).contains(cause);
    assertThat(one.movedByOthers()).isTrue();
    assertThat(Evidence.NONE.survivors()).isEmpty();
    assertThat(Evidence.NONE.oomKilledBy()).isEmpty();
    assertThat(Evidence.NONE.movedByOthers()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, (1L << 32) + 1, Long.MIN_VALUE})
  void survivors_outOfRange_isRefused(long count) {
    assertThatIllegalArgumentException().isThrownBy(() -> Evidence.NONE.survivors(count));
  }

  @Property
  void startFailure_anyFacts_areReadBack(
      @ForAll StartFailure.Fault fault, @ForAll StartFailure.Step step, @ForAll String message) {
    StartFailure failure = StartFailure.of(fault, step, Optional.of("ENOENT"), message);
    assertThat(failure.fault()).isEqualTo(fault);
    assertThat(failure.step()).isEqualTo(step);
    assertThat(failure.errno()).contains("ENOENT");
    assertThat(failure.message()).isEqualTo(message);
    assertThat(StartFailure.of(fault, step, Optional.empty(), message).errno()).isEmpty();
  }

  @Example
  void wireNames_ofLimitsAndModes_areFixed() {
    assertThat(Limit.values())
        .extracting(Limit::wireName)
        .containsExactly("cpu.max", "cpu.weight", "memory.max", "io.max");
    assertThat(Mode.values()).extracting(Mode::wireName).containsExactly("run", "attach");
    assertThat(Status.values())
        .extracting(Status::wireName)
        .containsExactly("applied", "adjusted", "substituted", "denied", "unsupported", "lost");
  }

  /** Each parameter: a value, the same made again, and one that differs in a single part. */
  @ParameterizedTest
  @MethodSource("equalValues")
  void value_sameContent_isEqualAndAnotherIsNot(List<Object> values) {
    Object value = values.get(0);
    assertThat(value).isEqualTo(values.get(1)).hasSameHashCodeAs(values.get(1));
    assertThat(value).hasToString(values.get(1).toString());
    assertThat(value).isNotEqualTo(values.get(2)).isNotEqualTo("a text");
  }

  static Stream<List<Object>> equalValues() {
    Capability capability = Capability.of("cpu.max", Capability.State.NO, "read-only");
    HostReport report = HostReport.of(List.of(capability), List.of());
    return Stream.of(
        List.of(
            capability,
            Capability.of("cpu.max", Capability.State.NO, "read-only"),
            capability.cure("mount it")),
        List.of(
            report,
            HostReport.of(List.of(capability), List.of()),
            HostReport.of(List.of(), List.of(capability))),
        List.of(
            start("job", Optional.empty()),
            start("job", Optional.empty()),
            start("job", Optional.of("test"))),
        List.of(
            IoMax.device(8, 0).readsPerSecond(1).readBytesPerSecond(2),
            IoMax.device(8, 0).readBytesPerSecond(2).readsPerSecond(1),
            IoMax.device(8, 0).readBytesPerSecond(2)),
        List.of(Receipt.EMPTY, Receipt.of(List.of()), receipt(Status.APPLIED)),
        List.of(receipt(Status.APPLIED), receipt(Status.APPLIED), receipt(Status.LOST)),
        List.of(Evidence.NONE, Evidence.NONE, Evidence.NONE.survivors(0)),
        List.of(
            ResourceUsage.UNKNOWN,
            ResourceUsage.of(Map.of()),
            ResourceUsage.of(Map.of(Counter.OOM_KILLS, 0L))),
        // The same content in another class.
        List.of(Limits.NONE, Limits.NONE, Evidence.NONE));
  }

  private static Receipt receipt(Status status) {
    return Receipt.of(List.of(LimitOutcome.of(Limit.CPU_WEIGHT, status, "1")));
  }
}

package io.ffrtmp.governance;

import io.ffrtmp.governance.Evidence.OomCause;
import io.ffrtmp.governance.LimitOutcome.Detail;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Moved.NotMoved;
import io.ffrtmp.governance.ResourceUsage.Counter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.UnaryOperator;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Provide;
import net.jqwik.api.domains.DomainContextBase;

/** Any value of the vocabulary, for {@code @ForAll} parameters of its type. */
public class Vocabulary extends DomainContextBase {
  private static final Instant LATEST = Instant.parse("9999-12-31T23:59:59.999999999Z");

  /** Any text without NUL and without unpaired surrogates. */
  static Arbitrary<String> unicode() {
    return Arbitraries.oneOf(
            Arbitraries.integers().between(1, 0x7f),
            Arbitraries.integers().between(1, 0xd7ff),
            Arbitraries.integers().between(0xe000, 0x10ffff))
        .list()
        .ofMaxSize(40)
        .map(points -> points.stream().map(Character::toString).reduce("", String::concat));
  }

  /**
   * What an intent may be, and, unless it is the kernel's name, a job id after its first letter.
   */
  static Arbitrary<String> words() {
    return Arbitraries.strings().alpha().numeric().withChars("._-").ofMinLength(1).ofMaxLength(127);
  }

  /** An absolute path, spaces and equals signs included. */
  static Arbitrary<Path> paths() {
    return Arbitraries.strings()
        .alpha()
        .withChars(" =./:")
        .ofMaxLength(30)
        .map(text -> Path.of("/" + text));
  }

  @Provide
  Arbitrary<CpuMax> cpuMax() {
    return Combinators.combine(
            Arbitraries.longs().between(1_000, (1L << 44) - 1),
            Arbitraries.longs().between(1_000, 1_000_000))
        .as(CpuMax::new);
  }

  @Provide
  Arbitrary<IoMax> ioMax() {
    Arbitrary<IoMax> devices =
        Combinators.combine(
                Arbitraries.integers().between(0, 4_095),
                Arbitraries.integers().between(0, 1_048_575))
            .as(IoMax::device);
    Arbitrary<IoMax> files =
        paths().filter(path -> !path.toString().matches(".* ([a-z]+=.*)?")).map(IoMax::path);
    Arbitrary<UnaryOperator<IoMax>> bytes =
        Arbitraries.longs()
            .between(1, 999_999_999_999_999_999L)
            .flatMap(
                n ->
                    Arbitraries.of(
                        io -> io.readBytesPerSecond(n), io -> io.writeBytesPerSecond(n)));
    Arbitrary<UnaryOperator<IoMax>> operations =
        Arbitraries.longs()
            .between(1, 4_294_967_294L)
            .flatMap(n -> Arbitraries.of(io -> io.readsPerSecond(n), io -> io.writesPerSecond(n)));
    return changed(Arbitraries.oneOf(devices, files), 1, List.of(bytes, operations));
  }

  @Provide
  Arbitrary<Limits> limits() {
    return changed(
        Arbitraries.just(Limits.NONE),
        0,
        List.of(
            cpuMax().map(max -> limits -> limits.cpuMax(max)),
            Arbitraries.integers().between(1, 10_000).map(w -> limits -> limits.cpuWeight(w)),
            Arbitraries.longs()
                .between(4_096, 1L << 50)
                .map(bytes -> limits -> limits.memoryMaxBytes(bytes)),
            ioMax().map(max -> limits -> limits.ioMax().isEmpty() ? limits.ioMax(max) : limits)));
  }

  /** A value after some of these changes, in any order. */
  private static <T> Arbitrary<T> changed(
      Arbitrary<T> start, int least, List<Arbitrary<UnaryOperator<T>>> changes) {
    return Combinators.combine(
            start, Arbitraries.oneOf(changes).list().ofMinSize(least).ofMaxSize(5))
        .as(
            (value, steps) -> {
              T result = value;
              for (UnaryOperator<T> step : steps) {
                result = step.apply(result);
              }
              return result;
            });
  }

  @Provide
  Arbitrary<Signal> signal() {
    return Arbitraries.integers().between(1, 64).map(Signal::new);
  }

  @Provide
  Arbitrary<StartFailure> startFailure() {
    return Combinators.combine(
            Arbitraries.of(StartFailure.Fault.class),
            Arbitraries.of(StartFailure.Step.class),
            Arbitraries.of("ENOENT", "EACCES", "EAGAIN").optional(),
            unicode())
        .as(StartFailure::of);
  }

  @Provide
  Arbitrary<ExitStatus> exitStatus() {
    return Arbitraries.oneOf(
        Arbitraries.integers().between(0, 255).map(ExitStatus.Exited::new),
        Combinators.combine(signal(), Arbitraries.of(true, false)).as(ExitStatus.Signalled::new),
        Arbitraries.of(ExitStatus.Cause.class).map(ExitStatus.Unknown::new));
  }

  @Provide
  Arbitrary<Ending> ending() {
    return Arbitraries.oneOf(
        exitStatus().map(Ending.Ended::new),
        Arbitraries.create(Ending.Detached::new),
        startFailure().map(Ending.NeverStarted::new));
  }

  @Provide
  Arbitrary<LimitOutcome> limitOutcome() {
    Arbitrary<LimitOutcome> plain =
        Combinators.combine(Arbitraries.of(Limit.class), Arbitraries.of(Status.class), unicode())
            .as(LimitOutcome::of);
    return changed(
        plain,
        0,
        List.of(
            Combinators.combine(Arbitraries.of(Detail.class), unicode())
                .as((detail, text) -> outcome -> outcome.with(detail, text)),
            Arbitraries.of(Status.class).map(status -> outcome -> outcome.status(status))));
  }

  @Provide
  Arbitrary<Receipt> receipt() {
    return Combinators.combine(limitOutcome().list().ofMaxSize(4), moved().optional())
        .as(
            (limits, moved) ->
                moved.map(Receipt.of(limits)::moved).orElseGet(() -> Receipt.of(limits)));
  }

  @Provide
  Arbitrary<Moved> moved() {
    Arbitrary<NotMoved> left =
        Combinators.combine(Arbitraries.longs().between(1, Integer.MAX_VALUE), unicode())
            .as(NotMoved::new);
    return Combinators.combine(
            Arbitraries.longs().between(0, Integer.MAX_VALUE),
            Arbitraries.longs().between(0, Long.MAX_VALUE),
            left.list().ofMaxSize(3),
            unicode().optional())
        .as(
            (processes, bytes, not, barred) -> {
              Moved moved = Moved.of(processes, bytes, not);
              return barred.map(moved::barredCgroup).orElse(moved);
            });
  }

  @Provide
  Arbitrary<Attachment> attachment() {
    return changed(
        Arbitraries.longs().between(1, 4_194_304).map(Attachment::of),
        0,
        List.of(
            words().map(word -> asked -> asked.jobId("j" + word)),
            words().map(word -> asked -> asked.intent(word)),
            limits().map(limits -> asked -> asked.limits(limits)),
            Arbitraries.of(true, false).map(yes -> asked -> asked.limitsRequired(yes)),
            Arbitraries.of(true, false).map(yes -> asked -> asked.leaveUnit(yes))));
  }

  @Provide
  Arbitrary<Evidence> evidence() {
    return changed(
        Arbitraries.just(Evidence.NONE),
        0,
        List.of(
            Arbitraries.longs().between(0, 1L << 32).map(n -> evidence -> evidence.survivors(n)),
            Arbitraries.of(OomCause.class).map(cause -> evidence -> evidence.oomKilledBy(cause)),
            Arbitraries.just(Evidence::moved)));
  }

  @Provide
  Arbitrary<ResourceUsage> usage() {
    return Arbitraries.maps(
            Arbitraries.of(Counter.class), Arbitraries.longs().between(0, Long.MAX_VALUE))
        .map(ResourceUsage::of);
  }

  /** To the nanosecond, as a clock may give it. */
  @Provide
  Arbitrary<Instant> instant() {
    return Combinators.combine(
            Arbitraries.longs().between(0, LATEST.getEpochSecond()),
            Arbitraries.longs().between(0, 999_999_999))
        .as(Instant::ofEpochSecond);
  }

  /** Up to 34 years, to the nanosecond. */
  @Provide
  Arbitrary<Duration> processingTime() {
    return Arbitraries.longs().between(0, 1L << 60).map(Duration::ofNanos);
  }

  @Provide
  Arbitrary<JobStart> jobStart() {
    return Combinators.combine(
            words().map(word -> "j" + word),
            Arbitraries.longs()
                .between(1, Integer.MAX_VALUE)
                .optional()
                .map(pid -> pid.map(OptionalLong::of).orElse(OptionalLong.empty())),
            Arbitraries.of(Mode.class),
            words().optional(),
            instant())
        .as(JobStart::of);
  }

  @Provide
  Arbitrary<JobResult> jobResult() {
    return Combinators.combine(
            jobStart(), instant(), processingTime(), ending(), receipt(), usage(), evidence())
        .as(JobResult::freeze);
  }
}

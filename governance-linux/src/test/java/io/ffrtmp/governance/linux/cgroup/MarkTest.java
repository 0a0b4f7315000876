package io.ffrtmp.governance.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;

import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.JobStart;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Moved;
import io.ffrtmp.governance.Moved.NotMoved;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class MarkTest {

  @Provide
  Arbitrary<Mark> marks() {
    Arbitrary<String> words =
        Arbitraries.strings().withChars("abzAZ019._-").ofMinLength(1).ofMaxLength(127);
    Arbitrary<Limits> limits =
        Combinators.combine(
                Arbitraries.integers().between(1, 10_000),
                Arbitraries.longs().between(4096, 1L << 60),
                Arbitraries.strings().withChars("/ab=\n\té0").ofMaxLength(20))
            .as(
                (weight, bytes, path) ->
                    Limits.NONE
                        .cpuMax(CpuMax.cores(2))
                        .cpuWeight(weight)
                        .memoryMaxBytes(bytes)
                        .ioMax(IoMax.device(8, 0).readsPerSecond(1))
                        .ioMax(IoMax.path(Path.of("/x" + path + "y")).writesPerSecond(2)));
    Arbitrary<Mode> modes = Arbitraries.of(Mode.class);
    Arbitrary<Limits> some = limits.injectNull(0.3).map(it -> it == null ? Limits.NONE : it);
    Arbitrary<Integer> pids = Arbitraries.integers().between(1, 4_194_304);
    return Combinators.combine(words, modes, words.optional(), some, pids, Arbitraries.longs())
        .as(
            (id, mode, intent, asked, pid, start) ->
                Mark.of("j" + id, mode, intent, asked)
                    .leader(pid, start)
                    .places(Map.of("cpu,cpuacct", "/a b", "cpu,name=a", "/c", "", "/"))
                    .moved(Moved.of(pid, 4096, List.of(new NotMoved(pid, "EPERM: no")))));
  }

  @Property
  void parse_readsBackWhatWasEncoded(@ForAll("marks") Mark mark) {
    assertThat(Mark.parse(mark.encode())).contains(mark);
  }

  @Property
  void parse_garbage_isEmptyNotAnError(@ForAll byte[] garbage) {
    assertThat(Mark.parse(garbage)).isEmpty();
  }

  @Property
  void parse_damagedMark_isNeverAnError(
      @ForAll("marks") Mark mark, @ForAll int at, @ForAll byte other) {
    byte[] bytes = mark.encode();
    bytes[Math.floorMod(at, bytes.length)] = other;
    Mark.parse(bytes).ifPresent(MarkTest::assertUsable);
    Mark.parse(Arrays.copyOf(bytes, Math.floorMod(at, bytes.length)))
        .ifPresent(MarkTest::assertUsable);
  }

  @Property
  void parse_anyFieldForged_isEmptyOrUsable(
      @ForAll("marks") Mark mark, @ForAll("forged") String value, @ForAll int at) {
    List<String> keys = List.copyOf(mark.fields().keySet());
    Map<String, String> fields = new LinkedHashMap<>(mark.fields());
    fields.put(keys.get(Math.floorMod(at, keys.size())), value);
    Mark.parse(new Mark(fields).encode()).ifPresent(MarkTest::assertUsable);
  }

  @Provide
  Arbitrary<String> forged() {
    Arbitrary<String> near =
        Arbitraries.of("0", "-1", "x", "", "0 0", "-5 7 a b", "1 1", "8:0 rbps=0");
    Arbitrary<String> text = Arbitraries.strings().excludeChars('\0').ofMaxLength(140);
    Arbitrary<String> number = Arbitraries.longs().map(String::valueOf);
    return Arbitraries.oneOf(near, text, number);
  }

  /** Whatever passed, governors can tell of and look for. */
  private static void assertUsable(Mark mark) {
    OptionalLong pid =
        mark.leader().map(it -> OptionalLong.of(it.pid())).orElse(OptionalLong.empty());
    JobStart start = JobStart.of(mark.id(), pid, mark.mode(), mark.intent(), Instant.EPOCH);
    assertThat(start.jobId()).isEqualTo(mark.id());
    mark.liveOwner();
    mark.moved();
    assertThat(Mark.asked(mark.limits())).hasSizeLessThanOrEqualTo(mark.fields().size());
  }

  @Test
  void parse_otherSchemaOrMissingFields_isEmpty() {
    for (String text : new String[] {"", "schema=1", "schema=1\0mode=RUN\0", "schema=2\0id=a\0"}) {
      assertThat(Mark.parse(text.getBytes(StandardCharsets.UTF_8))).isEmpty();
    }
  }

  @Test
  void encode_moreDevicesThanFit_leavesThemOut() {
    Limits limits = Limits.NONE.cpuWeight(7);
    for (int i = 0; i < 300; i++) {
      Path path = Path.of("/" + "long".repeat(60) + i);
      limits = limits.ioMax(IoMax.path(path).readBytesPerSecond(1 << 20));
    }
    Mark mark = Mark.of("job", Mode.RUN, Optional.empty(), limits);
    assertThat(mark.encode().length).isLessThan(1 << 16); // as setxattr(2) takes
    assertThat(Mark.parse(mark.encode()).orElseThrow().limits())
        .isEqualTo(Limits.NONE.cpuWeight(7));
  }

  @Test
  void owner_isThisProcessUntilDisowned() {
    Mark mark = Mark.of("job", Mode.ATTACH, Optional.of("test"), Limits.NONE);
    assertThat(mark.liveOwner()).isPresent();
    assertThat(mark.disowned().liveOwner()).isEmpty();
    assertThat(mark.disowned().claimed().liveOwner()).isPresent();
  }

  @Test
  void marks_keepLimitsAndWhatBecameOfTheProcesses() {
    Limits limits = Limits.NONE.cpuMax(CpuMax.cores(2)).ioMax(IoMax.device(8, 0).readsPerSecond(1));
    Moved moved = Moved.of(3, 1 << 20, List.of(new NotMoved(7, "EACCES")));
    Mark mark =
        Mark.parse(Mark.of("j", Mode.ATTACH, Optional.empty(), limits).moved(moved).encode())
            .orElseThrow();
    assertThat(mark.limits()).isEqualTo(limits);
    assertThat(mark.moved()).contains(moved);
    assertThat(mark.mode()).isEqualTo(Mode.ATTACH);
    assertThat(Mark.of("j", Mode.RUN, Optional.empty(), limits).moved()).isEmpty();
  }
}

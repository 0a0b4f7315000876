package io.ffrtmp.governance.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;

import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Moved;
import io.ffrtmp.governance.Moved.NotMoved;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
        Arbitraries.strings().withChars("abzAZ019._-").ofMinLength(1).ofMaxLength(128);
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
                Mark.of(id, mode, intent, asked)
                    .leader(pid, start)
                    .places(Map.of("cpu,cpuacct", "/a b", "", "/"))
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
    assertThat(Mark.parse(bytes)).isNotNull();
    assertThat(Mark.parse(Arrays.copyOf(bytes, Math.floorMod(at, bytes.length)))).isNotNull();
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
      limits = limits.ioMax(IoMax.device(8, i).readBytesPerSecond(1 << 20));
    }
    Mark mark = Mark.of("job", Mode.RUN, Optional.empty(), limits);
    assertThat(mark.encode().length).isLessThan(8192);
    assertThat(Mark.parse(mark.encode()).orElseThrow().limits())
        .containsExactly(new Mark.Asked(Limit.CPU_WEIGHT, "7"));
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
    assertThat(mark.limits()).isEqualTo(Mark.asked(limits));
    assertThat(mark.moved()).contains(moved);
    assertThat(mark.mode()).isEqualTo(Mode.ATTACH);
    assertThat(Mark.of("j", Mode.RUN, Optional.empty(), limits).moved()).isEmpty();
  }
}

package io.ffrtmp.governance.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;

import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Detail;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

/** The forms of v2, which not every host has, by files in memory; those of v1 run on the kernel. */
class ControlTest {
  private final Map<String, String> texts = new HashMap<>();
  private int unreadable;
  private final CgroupFiles files =
      new CgroupFiles() {
        @Override
        public String read(String path) throws ErrnoException {
          if (unreadable != 0) {
            throw new ErrnoException(unreadable, "open " + path);
          } else if (!texts.containsKey(path)) {
            throw new ErrnoException(Errno.ENOENT, "open " + path);
          }
          return texts.get(path) + "\n";
        }

        @Override
        public void write(String path, String text) throws ErrnoException {
          texts.putIfAbsent(path, text);
        }
      };

  private static Group group() {
    Mount mount = new Mount("/", "", "cgroup2", "none", List.of());
    Hierarchy tree = new Hierarchy(true, mount, "", Set.of("cpu", "memory", "io"), "/");
    return new Group(tree, "/c/a/job");
  }

  private LimitOutcome apply(Control control, String asked) throws ErrnoException {
    return control.apply(files, group(), asked);
  }

  @Test
  void above_aMountThatIsNotTheWholeTree_itsTopCounts() {
    Mount container = new Mount("/docker/x", "/nowhere", "cgroup", "none", List.of());
    Hierarchy tree = new Hierarchy(false, container, "cpu", Set.of("cpu"), "/docker/x");
    assertThat(new Group(tree, "/nowhere/a/job").above()).containsExactly("/nowhere/a", "/nowhere");
    assertThat(new Group(tree, "/nowhere").above()).isEmpty();
  }

  @Test
  void everyLimit_hasARow() {
    for (Limit limit : Limit.values()) {
      assertThat(Control.values()[limit.ordinal()].limit).isEqualTo(limit);
    }
  }

  @Test
  void readBackEqual_isApplied() throws Exception {
    assertThat(apply(Control.CPU_MAX, "50000 100000").status()).isEqualTo(Status.APPLIED);
    assertThat(apply(Control.CPU_WEIGHT, "200").status()).isEqualTo(Status.APPLIED);
    assertThat(apply(Control.MEMORY_MAX, "4096").readBack()).contains("4096");
    assertThat(texts).containsKeys("/c/a/job/cpu.max", "/c/a/job/cpu.weight");
  }

  @Test
  void looserAbove_changesNothing() throws Exception {
    texts.put("/c/a/memory.max", "max");
    texts.put("/c/memory.max", "4096");
    texts.put("/c/a/cpu.max", "max 100000");
    texts.put("/c/a/cpu.weight", "1");
    assertThat(apply(Control.MEMORY_MAX, "4096").status()).isEqualTo(Status.APPLIED);
    assertThat(apply(Control.CPU_MAX, "50000 100000").status()).isEqualTo(Status.APPLIED);
    assertThat(apply(Control.CPU_WEIGHT, "200").status()).isEqualTo(Status.APPLIED);
  }

  @Test
  void tightestAbove_isNamed() throws Exception {
    texts.put("/c/a/cpu.max", "90000 100000");
    texts.put("/c/cpu.max", "100000 200000");
    LimitOutcome outcome = apply(Control.CPU_MAX, "80000 80000");

    assertThat(outcome.status()).isEqualTo(Status.ADJUSTED);
    assertThat(outcome.effective()).contains("100000 200000");
    assertThat(outcome.get(Detail.EFFECTIVE_AT)).contains("/c");
    assertThat(outcome.readBack()).contains("80000 80000");
  }

  @Test
  void ioMax_readsItsOwnDevicesLine() throws Exception {
    texts.put(
        "/c/a/job/io.max",
        "8:0 rbps=5 wbps=5 riops=5 wiops=5\n18:0 rbps=9 wbps=max riops=7 wiops=max");
    texts.put("/c/a/io.max", "18:0 rbps=4 wbps=2 riops=max wiops=max");
    LimitOutcome outcome = apply(Control.IO_MAX, "18:0 rbps=9 riops=7");

    assertThat(outcome.readBack()).contains("18:0 rbps=9 riops=7");
    assertThat(outcome.effective()).as("each rate by itself").contains("18:0 rbps=4 riops=7");
    assertThat(outcome.get(Detail.EFFECTIVE_AT)).contains("/c/a");
  }

  @Test
  void writtenButNotKept_isUnsupported() throws Exception {
    texts.put("/c/a/job/memory.max", "max");
    texts.put("/c/a/job/io.max", "");
    assertThat(apply(Control.MEMORY_MAX, "4096").status()).isEqualTo(Status.UNSUPPORTED);
    assertThat(apply(Control.IO_MAX, "8:0 rbps=1").status()).isEqualTo(Status.UNSUPPORTED);
    texts.put("/c/a/job/memory.max", "garbage");
    assertThat(apply(Control.MEMORY_MAX, "4096").status()).isEqualTo(Status.UNSUPPORTED);
  }

  @Test
  void check_fileGone_isLost() throws Exception {
    LimitOutcome applied = apply(Control.MEMORY_MAX, "4096");
    assertThat(Control.MEMORY_MAX.check(files, group(), applied)).isEqualTo(applied);
    texts.clear();
    LimitOutcome lost = Control.MEMORY_MAX.check(files, group(), applied);
    assertThat(lost.status()).isEqualTo(Status.LOST);
    assertThat(lost.errno()).contains("ENOENT");
  }

  @Test
  void check_unreadable_provesNothing() throws Exception {
    LimitOutcome applied = apply(Control.MEMORY_MAX, "4096");
    for (int errno : List.of(Errno.EMFILE, Errno.ENFILE, Errno.ENOMEM, Errno.EIO)) {
      unreadable = errno;
      LimitOutcome told = Control.MEMORY_MAX.check(files, group(), applied);
      assertThat(told.status()).isEqualTo(Status.APPLIED);
      assertThat(told.errno()).contains(Errno.name(errno));
    }
  }

  @Property
  void shares_areWhatTheKernelComputes(@ForAll @IntRange(min = 1, max = 10_000) int weight) {
    long shares = Control.shares(weight);
    assertThat(shares).isBetween(2L, 262_144L);
    assertThat(Math.round(shares * 100 / 1024.0))
        .as("as the kernel maps it back")
        .isEqualTo(weight);
  }

  @Property
  void tighten_takesTheLess(
      @ForAll @LongRange(min = 1) long one, @ForAll @LongRange(min = 1) long other) {
    String a = Long.toString(one);
    String b = Long.toString(other);
    String tighter = Control.MEMORY_MAX.tighten(a, b);
    assertThat(tighter).isIn(a, b);
    assertThat((double) Long.parseLong(tighter)).isEqualTo((double) Math.min(one, other));
    assertThat(Control.MEMORY_MAX.tighten(a, "max")).isEqualTo(a);
  }

  @Property
  void garbageAbove_changesNothing(@ForAll String garbage) {
    String harmless = garbage.replaceAll("\\d", "");
    assertThat(Control.MEMORY_MAX.tighten("4096", harmless)).isEqualTo("4096");
    assertThat(Control.CPU_MAX.tighten("1000 1000", harmless)).isEqualTo("1000 1000");
    assertThat(Control.IO_MAX.tighten("8:0 rbps=1", harmless)).isEqualTo("8:0 rbps=1");
  }
}

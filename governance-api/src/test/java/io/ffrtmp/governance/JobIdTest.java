package io.ffrtmp.governance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.file.Path;
import java.util.regex.Pattern;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Assume;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JobIdTest {
  private static final Workload WORKLOAD = Workload.of("true");
  private static final Path GROUPS = Path.of("/base/ffrtmp");

  /**
   * The files of a cgroup v1 or v2 directory: of the core, or of a controller and named after it.
   */
  private static final Pattern KERNEL_FILE =
      Pattern.compile(
          "(cgroup|cpu|cpuacct|cpuset|memory|io|blkio|pids|rdma|misc|hugetlb|devices|freezer|net_cls"
              + "|net_prio|perf_event|debug|dmem|irq)\\..*|tasks|notify_on_release|release_agent");

  @ParameterizedTest
  @ValueSource(
      strings = {"a", "-", "_", "job-001", "Stream_1.hd", "cpu", "memory-1", "cpumax.1", "tasks2"})
  void jobId_plainWord_isKept(String id) {
    assertThat(WORKLOAD.jobId(id).jobId()).contains(id);
    assertThat(id).doesNotMatch(KERNEL_FILE);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        ".",
        "..",
        ".hidden",
        "/",
        "a/b",
        "../x",
        "a\0",
        "\0",
        "a\n",
        "a b",
        "ä",
        "名前",
        "😀",
        "\uD83D",
        "a\\b",
        "a:b",
        "a=b",
        "cgroup.procs",
        "cgroup.kill",
        "cpu.max",
        "cpu.",
        "memory.x",
        "io.max",
        "hugetlb.2MB.max",
        "blkio.weight",
        "tasks",
        "notify_on_release",
        "release_agent"
      })
  void jobId_hostile_isRefused(String id) {
    assertRefused(id);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cgroup",
        "cpu",
        "cpuacct",
        "cpuset",
        "memory",
        "io",
        "blkio",
        "pids",
        "rdma",
        "misc",
        "hugetlb",
        "devices",
        "freezer",
        "net_cls",
        "net_prio",
        "perf_event",
        "debug",
        "dmem",
        "irq"
      })
  void jobId_nameOfAController_isRefusedOnlyBeforeADot(String controller) {
    assertRefused(controller + ".x");
    assertThat(WORKLOAD.jobId(controller + "-x").jobId()).contains(controller + "-x");
  }

  @Example
  void jobId_length_isAtMost128() {
    assertThat(WORKLOAD.jobId("x".repeat(128)).jobId()).contains("x".repeat(128));
    assertRefused("x".repeat(129));
    assertRefused("x".repeat(300));
  }

  @Property
  void jobId_accepted_isOneSafePathElement(@ForAll("hostile") String id) {
    try {
      WORKLOAD.jobId(id);
    } catch (IllegalArgumentException refused) {
      Assume.that(false);
    }
    Path group = GROUPS.resolve(id);
    assertThat(group.normalize()).isEqualTo(group);
    assertThat(group.getParent()).isEqualTo(GROUPS);
    assertThat(group.getFileName()).hasToString(id);
    assertThat(id).isPrintable().doesNotStartWith(".").doesNotMatch(KERNEL_FILE);
    assertThat(id.length()).isLessThanOrEqualTo(128);
  }

  @Property
  void jobId_anyText_isKeptOrRefusedWithAPrintableMessage(@ForAll String id) {
    try {
      assertThat(WORKLOAD.jobId(id).jobId()).contains(id);
    } catch (IllegalArgumentException refused) {
      assertThat(refused.getMessage()).startsWith("job id '").doesNotContainPattern("\\p{Cntrl}");
    }
  }

  @Property
  void intent_word_isKeptAndAnythingElseIsRefused(@ForAll("hostile") String word) {
    if (word.matches("[A-Za-z0-9._-]{1,128}")) {
      assertThat(WORKLOAD.intent(word).intent()).contains(word);
    } else {
      assertThatIllegalArgumentException().isThrownBy(() -> WORKLOAD.intent(word));
    }
  }

  @Provide
  Arbitrary<String> hostile() {
    return Arbitraries.frequencyOf(
        Tuple.of(3, Vocabulary.words()),
        Tuple.of(1, Vocabulary.words().map(word -> "cpu.".substring(word.length() % 4) + word)),
        Tuple.of(1, Arbitraries.strings().withChars("a./\\ \n\0.-_Ä\uD800").ofMaxLength(6)));
  }

  private static void assertRefused(String id) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> WORKLOAD.jobId(id))
        .withMessageStartingWith("job id '");
  }
}

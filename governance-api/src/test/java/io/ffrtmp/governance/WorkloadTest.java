package io.ffrtmp.governance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class WorkloadTest {
  private static final Workload TRUE = Workload.of("true");

  @Property
  void text_validUnicode_isKeptEverywhere(@ForAll("unicode") String text) {
    assertThat(Workload.of("sh", text).command()).containsExactly("sh", text);
    assertThat(TRUE.environment("A", text).environment()).containsEntry("A", Optional.of(text));
    if (!text.isEmpty() && !text.contains("=")) {
      assertThat(TRUE.environment(text, "1").environment()).containsOnlyKeys(text);
      assertThat(TRUE.environmentWithout(text).environment())
          .containsExactly(Map.entry(text, Optional.empty()));
    }
  }

  @Property
  void text_nulOrUnpairedSurrogate_isRefusedEverywhere(@ForAll("broken") String text) {
    for (UnaryOperator<Workload> use :
        List.<UnaryOperator<Workload>>of(
            workload -> Workload.of(text),
            workload -> Workload.of("sh", "-c", text),
            workload -> workload.environment("A", text),
            workload -> workload.environment(text, "1"),
            workload -> workload.environmentWithout(text))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> use.apply(TRUE))
          .withMessageContaining("NUL or an unpaired surrogate at index");
    }
  }

  @Provide
  Arbitrary<String> unicode() {
    return Vocabulary.unicode();
  }

  /** A low surrogate, a NUL, or a high surrogate before what is no low one, somewhere in a text. */
  @Provide
  Arbitrary<String> broken() {
    return Combinators.combine(
            unicode(), Arbitraries.of("\0", "\uD800", "\uDBFF", "\uDC00", "\uDFFF"), unicode())
        .as((before, bad, after) -> before + bad + after);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "=", "A=", "=A", "A=B"})
  void environmentName_emptyOrWithEqualsSign_isRefused(String name) {
    assertThatIllegalArgumentException().isThrownBy(() -> TRUE.environment(name, "1"));
    assertThatIllegalArgumentException().isThrownBy(() -> TRUE.environmentWithout(name));
  }

  @Example
  void environment_sameNameAgain_isReplaced() {
    Workload workload = TRUE.environment("A", "1").environmentWithout("B").environmentWithout("A");
    assertThat(workload.environment())
        .containsExactly(Map.entry("A", Optional.empty()), Map.entry("B", Optional.empty()))
        .isUnmodifiable();
    assertThat(workload.environment("A", "2").environment()).containsEntry("A", Optional.of("2"));
  }

  @Example
  void command_withoutProgram_isRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> Workload.of(List.of()));
    assertThatIllegalArgumentException().isThrownBy(() -> Workload.of(""));
    assertThatIllegalArgumentException().isThrownBy(() -> Workload.of("", "x"));
    assertThat(Workload.of("sh", "").command()).containsExactly("sh", "");
  }

  @Example
  void command_listOrArrayChangedLater_staysAsItWas() {
    List<String> list = new ArrayList<>(List.of("sh", "-c", "x"));
    String[] array = {"-c", "x"};
    Workload fromList = Workload.of(list);
    Workload fromArray = Workload.of("sh", array);
    list.set(2, "\0");
    array[1] = "\0";
    assertThat(fromList.command()).containsExactly("sh", "-c", "x").isUnmodifiable();
    assertThat(fromArray).isEqualTo(fromList);
  }

  @Example
  void workload_untouched_hasTheDefaults() {
    assertThat(TRUE.jobId()).isEmpty();
    assertThat(TRUE.intent()).isEmpty();
    assertThat(TRUE.stdin()).isEmpty();
    assertThat(TRUE.directory()).isEmpty();
    assertThat(TRUE.environment()).isEmpty();
    assertThat(TRUE.limits()).isEqualTo(Limits.NONE);
    assertThat(TRUE.limitsRequired()).isFalse();
    assertThat(TRUE.stdout()).isEqualTo(Stdio.discard());
    assertThat(TRUE.stderr()).isEqualTo(Stdio.discard());
  }

  @Example
  void workload_defaultsSetExplicitly_isEqual() {
    Workload explicit =
        TRUE.limits(Limits.NONE)
            .limitsRequired(true)
            .limitsRequired(false)
            .stdout(Stdio.discard())
            .stderr(Stdio.discard());
    assertThat(explicit).isEqualTo(TRUE).hasSameHashCodeAs(TRUE);
  }

  @ParameterizedTest
  @MethodSource("setters")
  void setter_called_returnsADifferentCopyAndLeavesTheOriginal(UnaryOperator<Workload> setter) {
    Workload original = Workload.of("sh", "-c", "x").environment("KEPT", "1");
    Workload changed = setter.apply(original);
    assertThat(original).isEqualTo(Workload.of("sh", "-c", "x").environment("KEPT", "1"));
    assertThat(changed).isNotEqualTo(original).isEqualTo(setter.apply(original));
    assertThat(changed.command()).isEqualTo(original.command());
    assertThat(changed.environment()).containsEntry("KEPT", Optional.of("1"));
  }

  static Stream<UnaryOperator<Workload>> setters() {
    return Stream.of(
        workload -> workload.jobId("job-001"),
        workload -> workload.intent("production"),
        workload -> workload.limits(Limits.NONE.cpuWeight(1)),
        workload -> workload.limitsRequired(true),
        workload -> workload.stdin(Path.of("in")),
        workload -> workload.stdout(Stdio.append(Path.of("out"))),
        workload -> workload.stderr(Stdio.sameAsStdout()),
        workload -> workload.directory(Path.of("dir")),
        workload -> workload.environment("A", "1"),
        workload -> workload.environmentWithout("A"));
  }

  @Example
  void setters_called_areReadBack() {
    Workload workload =
        TRUE.limits(Limits.NONE.cpuWeight(1))
            .limitsRequired(true)
            .stdin(Path.of("in"))
            .stdout(Stdio.truncate(Path.of("out")))
            .stderr(Stdio.sameAsStdout())
            .directory(Path.of("dir"));
    assertThat(workload.limits().cpuWeight()).hasValue(1);
    assertThat(workload.limitsRequired()).isTrue();
    assertThat(workload.stdin()).contains(Path.of("in"));
    assertThat(workload.stdout()).isEqualTo(Stdio.truncate(Path.of("out")));
    assertThat(workload.stderr()).isEqualTo(Stdio.sameAsStdout());
    assertThat(workload.directory()).contains(Path.of("dir"));
  }

  @Example
  void path_empty_isRefused() {
    Path empty = Path.of("");
    assertThatIllegalArgumentException().isThrownBy(() -> TRUE.stdin(empty));
    assertThatIllegalArgumentException().isThrownBy(() -> TRUE.directory(empty));
    assertThatIllegalArgumentException().isThrownBy(() -> Stdio.append(empty));
    assertThatIllegalArgumentException().isThrownBy(() -> Stdio.truncate(empty));
  }

  @Example
  void stdout_sameAsItself_isRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> TRUE.stdout(Stdio.sameAsStdout()));
  }

  @Example
  void stdio_eachKind_isDifferent() {
    Path file = Path.of("file");
    assertThat(
            List.of(
                Stdio.discard(),
                Stdio.inherit(),
                Stdio.truncate(file),
                Stdio.append(file),
                Stdio.append(Path.of("other")),
                Stdio.sameAsStdout()))
        .doesNotHaveDuplicates()
        .extracting(Stdio::kind)
        .contains(Stdio.Kind.values());
    assertThat(Stdio.append(file).path()).contains(file);
    assertThat(Stdio.inherit().path()).isEmpty();
  }

  @Example
  void toString_secretsGiven_tellsNone() {
    Workload workload = Workload.of("curl", "-u", "secret").environment("TOKEN", "secret");
    assertThat(workload).hasToString("Workload[curl, 2 arguments]");
  }

  @Example
  @SuppressWarnings("NullAway") // what a caller without it may do
  void null_isRefusedWhereItIsGiven() {
    Workload workload = Workload.of("true");
    assertThatNullPointerException().isThrownBy(() -> workload.limits(null));
    assertThatNullPointerException().isThrownBy(() -> workload.stdout(null));
    assertThatNullPointerException().isThrownBy(() -> workload.stderr(null));
    assertThatNullPointerException().isThrownBy(() -> Attachment.of(5678).limits(null));
  }
}

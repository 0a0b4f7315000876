package io.ffrtmp.governance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Moved.NotMoved;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.domains.Domain;
import net.jqwik.api.domains.DomainContext;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What an attachment asks, what it may do, and what comes of it. */
@Domain(Vocabulary.class)
@Domain(DomainContext.Global.class)
class AttachTest {
  private static final List<String> HARMFUL =
      List.of("kill", "stop", "signal", "destroy", "terminate", "freeze", "suspend", "send", "end");

  @Example
  void attachedJob_asAType_hasNoWayToSignalOrStop() {
    assertThat(methods(AttachedJob.class)).isNotEmpty().noneMatch(AttachTest::harmful);
    assertThat(methods(AttachedJob.class)).extracting(Method::getName).contains("release", "id");
  }

  @Example
  void startedJob_asAType_isSeenToHaveSuchWays() {
    assertThat(methods(StartedJob.class).filter(AttachTest::harmful))
        .extracting(Method::getName)
        .containsExactlyInAnyOrder("signal", "kill");
    assertThat(StartedJob.class.isAssignableFrom(AttachedJob.class)).isFalse();
  }

  /** Its own methods and those of all interfaces above it. */
  private static Stream<Method> methods(Class<?> type) {
    return Stream.concat(
        Stream.of(type.getDeclaredMethods()),
        Stream.of(type.getInterfaces()).flatMap(AttachTest::methods));
  }

  /** By a word of its name, or by what it takes or returns. */
  private static boolean harmful(Method method) {
    Set<Class<?>> types = new HashSet<>(List.of(method.getParameterTypes()));
    types.add(method.getReturnType());
    return types.contains(Signal.class)
        || types.contains(Process.class)
        || types.contains(ProcessHandle.class)
        || Arrays.stream(method.getName().split("(?=[A-Z])"))
            .anyMatch(word -> HARMFUL.contains(word.toLowerCase(Locale.ROOT)));
  }

  @Example
  void attachment_ofAPid_hasTheDefaults() {
    Attachment asked = Attachment.of(5678);
    assertThat(asked.pid()).isEqualTo(5678);
    assertThat(asked.jobId()).isEmpty();
    assertThat(asked.intent()).isEmpty();
    assertThat(asked.limits()).isEqualTo(Limits.NONE);
    assertThat(asked.limitsRequired()).isFalse();
    assertThat(asked.leaveUnit()).isFalse();
    assertThat(Attachment.of(ProcessHandle.current()).pid())
        .isEqualTo(ProcessHandle.current().pid());
  }

  @Property
  void attachment_eachSetter_changesThatAloneInACopy(
      @ForAll Attachment asked, @ForAll Limits limits, @ForAll boolean yes) {
    Attachment before = asked.limits(asked.limits());
    Attachment changed =
        asked.jobId("x").intent("y").limits(limits).limitsRequired(yes).leaveUnit(!yes);
    assertThat(asked).isEqualTo(before).hasSameHashCodeAs(before);
    assertThat(changed.pid()).isEqualTo(asked.pid());
    assertThat(changed.jobId()).contains("x");
    assertThat(changed.intent()).contains("y");
    assertThat(changed.limits()).isEqualTo(limits);
    assertThat(changed.limitsRequired()).isEqualTo(yes);
    assertThat(changed.leaveUnit()).isEqualTo(!yes);
  }

  @ParameterizedTest
  @ValueSource(longs = {Long.MIN_VALUE, -1, 0, 4_194_305, 1L << 32, Long.MAX_VALUE})
  void attachment_ofAPidThatNoProcessHas_isRefused(long pid) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Attachment.of(pid))
        .withMessageContaining("pid " + pid);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ".x", "../x", "a b", "cpu.max", "tasks", "a/b"})
  void attachment_badId_isRefused(String id) {
    assertThatIllegalArgumentException().isThrownBy(() -> Attachment.of(7).jobId(id));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a b", "a\nb"})
  void attachment_badIntent_isRefused(String word) {
    assertThatIllegalArgumentException().isThrownBy(() -> Attachment.of(7).intent(word));
  }

  @Property
  void moved_asMade_isToldAsMade(
      @ForAll @LongRange(min = 0, max = Integer.MAX_VALUE) long processes,
      @ForAll @LongRange(min = 0) long bytes) {
    List<NotMoved> left = new ArrayList<>(List.of(new NotMoved(7, "EPERM")));
    Moved moved = Moved.of(processes, bytes, left);
    left.clear();
    assertThat(moved.processes()).isEqualTo(processes);
    assertThat(moved.chargedElsewhereBytes()).isEqualTo(bytes);
    assertThat(moved.notMoved()).containsExactly(new NotMoved(7, "EPERM"));
  }

  @Example
  void moved_impossibleNumbers_areRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> Moved.of(-1, 0, List.of()));
    assertThatIllegalArgumentException().isThrownBy(() -> Moved.of(0, -1, List.of()));
    assertThatIllegalArgumentException().isThrownBy(() -> new NotMoved(0, "EPERM"));
  }

  @Property
  void receipt_moved_isKeptWhenTheLimitsChange(@ForAll Receipt receipt, @ForAll Moved moved) {
    LimitOutcome one = LimitOutcome.of(Limit.CPU_MAX, Status.LOST, "1000 1000");
    Receipt changed = receipt.moved(moved).limits(List.of(one));
    assertThat(changed.moved()).contains(moved);
    assertThat(changed.limits()).containsExactly(one);
    assertThat(changed).isNotEqualTo(Receipt.of(List.of(one)));
    assertThat(receipt.moved(moved).limits()).isEqualTo(receipt.limits());
  }

  @Property
  void recovery_asMade_isACopy(@ForAll JobResult ended) {
    List<JobResult> results = new ArrayList<>(List.of(ended));
    List<Capability> gaps = List.of(Capability.of("base", Capability.State.NO, "none"));
    Recovery.Leftover left = new Recovery.Leftover("/sys/fs/cgroup/ffrtmp/x", "no mark: remove it");
    Recovery recovery = Recovery.of(List.of(), results, List.of(left), gaps);
    assertThat(recovery)
        .isEqualTo(Recovery.of(List.of(), List.of(ended), List.of(left), gaps))
        .isNotEqualTo(Recovery.of(List.of(), List.of(), List.of(left), gaps));
    results.clear();
    assertThat(recovery.jobs()).isEmpty();
    assertThat(recovery.ended()).containsExactly(ended);
    assertThat(recovery.leftovers()).containsExactly(left);
    assertThat(recovery.gaps()).isEqualTo(gaps);
  }
}

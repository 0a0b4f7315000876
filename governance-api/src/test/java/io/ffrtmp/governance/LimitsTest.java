package io.ffrtmp.governance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.domains.Domain;
import net.jqwik.api.domains.DomainContext;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Domain(Vocabulary.class)
@Domain(DomainContext.Global.class)
class LimitsTest {
  private static final IoMax DISK = IoMax.device(8, 0).readBytesPerSecond(1);

  @Example
  void limits_none_areEmpty() {
    assertThat(Limits.NONE.isEmpty()).isTrue();
    assertThat(Limits.NONE.cpuMax()).isEmpty();
    assertThat(Limits.NONE.cpuWeight()).isEmpty();
    assertThat(Limits.NONE.memoryMaxBytes()).isEmpty();
    assertThat(Limits.NONE.ioMax()).isEmpty();
  }

  @Property
  void limits_set_areReadBack(@ForAll CpuMax max, @ForAll IoMax io) {
    Limits limits = Limits.NONE.cpuMax(max).cpuWeight(7).memoryMaxBytes(1L << 40).ioMax(io);
    assertThat(limits.cpuMax()).contains(max);
    assertThat(limits.cpuWeight()).hasValue(7);
    assertThat(limits.memoryMaxBytes()).hasValue(1L << 40);
    assertThat(limits.ioMax()).containsExactly(io).isUnmodifiable();
    assertThat(limits.isEmpty()).isFalse();
  }

  @Property
  void limits_setInAnotherOrder_areEqualDownToTheText(@ForAll CpuMax max, @ForAll IoMax io) {
    Limits one = Limits.NONE.cpuMax(max).cpuWeight(7).memoryMaxBytes(4096).ioMax(io);
    Limits other = Limits.NONE.ioMax(io).memoryMaxBytes(4096).cpuWeight(1).cpuWeight(7).cpuMax(max);
    assertThat(one).isEqualTo(other).hasSameHashCodeAs(other).hasToString(other.toString());
  }

  @Property
  void limits_changed_leaveTheOriginalAlone(@ForAll Limits limits) {
    String before = limits.toString();
    Limits changed = limits.memoryMaxBytes(4_097L + limits.memoryMaxBytes().orElse(0));
    assertThat(changed).isNotEqualTo(limits);
    assertThat(limits).hasToString(before);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 100, 10_000})
  void cpuWeight_inRange_isKept(int weight) {
    assertThat(Limits.NONE.cpuWeight(weight).cpuWeight()).hasValue(weight);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 10_001, -1, Integer.MIN_VALUE, Integer.MAX_VALUE})
  void cpuWeight_outOfRange_isRefused(int weight) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Limits.NONE.cpuWeight(weight))
        .withMessage("cpu.weight " + weight + " is out of range: 1 to 10000");
  }

  @ParameterizedTest
  @ValueSource(longs = {4_096, 4_097, 1L << 30, Long.MAX_VALUE - (1 << 17)})
  void memoryMax_inRange_isKept(long bytes) {
    assertThat(Limits.NONE.memoryMaxBytes(bytes).memoryMaxBytes()).hasValue(bytes);
  }

  /** The kernel's "no limit" of v1 is the largest whole page below 2^63: it must not come out. */
  @ParameterizedTest
  @ValueSource(
      longs = {
        0,
        -1,
        4_095,
        Long.MIN_VALUE,
        Long.MAX_VALUE,
        0x7FFF_FFFF_FFFF_F000L,
        (1L << 63) - 65_536
      })
  void memoryMax_noneOrNoLimit_isRefused(long bytes) {
    assertThatIllegalArgumentException().isThrownBy(() -> Limits.NONE.memoryMaxBytes(bytes));
  }

  @Example
  void ioMax_sameDeviceTwice_isRefused() {
    Limits limits = Limits.NONE.ioMax(DISK);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> limits.ioMax(DISK.writeBytesPerSecond(1)))
        .withMessageContaining("8:0");
    IoMax other = IoMax.device(8, 16).readBytesPerSecond(1);
    assertThat(limits.ioMax(other).ioMax()).containsExactly(DISK, other);
  }

  @Example
  void ioMax_withoutRate_isRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> Limits.NONE.ioMax(IoMax.device(8, 0)));
  }
}

package io.ffrtmp.governance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.domains.Domain;
import net.jqwik.api.domains.DomainContext;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Domain(Vocabulary.class)
@Domain(DomainContext.Global.class)
class CpuMaxTest {

  @Property
  void cpuMax_printedAndParsed_isEqual(@ForAll CpuMax max) {
    assertThat(CpuMax.parse(max.toString())).isEqualTo(max);
  }

  @Example
  void cpuMax_text_isTheKernelsForm() {
    assertThat(new CpuMax(50_000, 100_000)).hasToString("50000 100000");
  }

  @ParameterizedTest
  @CsvSource({
    "1000, 1000, true",
    "1000, 1000000, true",
    "17592186044415, 100000, true",
    "999, 1000, false",
    "500, 100000, false",
    "0, 100000, false",
    "-1, 100000, false",
    "17592186044416, 100000, false",
    "9223372036854775807, 100000, false",
    "50000, 999, false",
    "50000, 1000001, false",
    "50000, 0, false",
    "50000, -100000, false"
  })
  void cpuMax_numbers_areCheckedAlikeInBothForms(long quota, long period, boolean allowed) {
    String text = quota + " " + period;
    if (allowed) {
      assertThat(CpuMax.parse(text)).isEqualTo(new CpuMax(quota, period));
    } else {
      assertThatIllegalArgumentException().isThrownBy(() -> new CpuMax(quota, period));
      assertThatIllegalArgumentException().isThrownBy(() -> CpuMax.parse(text));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "max",
        "max 100000",
        "50000",
        "50000 max",
        "50000 100000 1",
        "50000\t100000",
        "50000 100000\n",
        "+50000 100000",
        "0x5000 100000",
        "5e4 100000",
        "٥٠٠٠٠ 100000",
        "99999999999999999999 100000",
        "50000 99999999999999999999"
      })
  void parse_anotherForm_isRefusedWithTheRightOne(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> CpuMax.parse(text))
        .withMessageContaining("QUOTA PERIOD")
        .withMessageContaining("at most 15 digits");
  }

  @Property
  void parse_anyText_isReadOrRefused(@ForAll String text) {
    try {
      CpuMax.parse(text);
    } catch (IllegalArgumentException refused) {
      assertThat(refused).hasMessageStartingWith("cpu.max");
    }
  }

  @Property
  void cores_anyNumberInRange_isThatShareOfThePeriod(
      @ForAll @DoubleRange(min = 0.01, max = 100_000) double cores) {
    CpuMax max = CpuMax.cores(cores);
    assertThat(max.periodMicros()).isEqualTo(100_000);
    assertThat(Math.abs(max.quotaMicros() - cores * 100_000)).isLessThanOrEqualTo(0.5);
  }

  @ParameterizedTest
  @ValueSource(
      doubles = {
        0,
        -0.0,
        0.009,
        -1,
        1e300,
        Double.MIN_VALUE,
        Double.MAX_VALUE,
        Double.NaN,
        Double.POSITIVE_INFINITY,
        Double.NEGATIVE_INFINITY
      })
  void cores_noUsableNumber_isRefused(double cores) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> CpuMax.cores(cores))
        .withMessageStartingWith("cpu.max of " + cores + " cores is out of range: 0.01 to ");
  }

  @Property
  void cpuMax_outOfRange_isRefusedWithTheValue(
      @ForAll @LongRange(min = Long.MIN_VALUE, max = 999) long tooSmall) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new CpuMax(tooSmall, 100_000))
        .withMessageContaining(Long.toString(tooSmall));
  }
}

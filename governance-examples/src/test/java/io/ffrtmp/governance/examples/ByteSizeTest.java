package io.ffrtmp.governance.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.math.BigInteger;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {
  private static final String UNITS = "KMGT";

  @Test
  void units_arePowersOf1024() {
    assertThat(ByteSize.parse("256M")).isEqualTo(268_435_456);
    assertThat(ByteSize.parse("4096")).isEqualTo(4096);
  }

  @Property
  void parse_anyNumberWithAnyUnit_isExactOrRefused(
      @ForAll @LongRange(min = 0) long number, @ForAll @IntRange(max = 4) int power) {
    String text = number + (power == 0 ? "" : UNITS.substring(power - 1, power));
    BigInteger exact = BigInteger.valueOf(number).multiply(BigInteger.valueOf(1024).pow(power));
    if (exact.bitLength() < Long.SIZE) {
      assertThat(ByteSize.parse(text)).isEqualTo(exact.longValueExact());
    } else {
      assertThatIllegalArgumentException().isThrownBy(() -> ByteSize.parse(text));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "M", "-1", "+1", "1.5G", "1 M", "1MB", "1P", "1m", "٣", "9223372036854775808"})
  void parse_anythingElse_isRefusedWithTheText(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ByteSize.parse(text))
        .withMessageContaining("'" + text + "'");
  }
}

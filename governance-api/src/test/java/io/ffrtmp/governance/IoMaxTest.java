package io.ffrtmp.governance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.LongFunction;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.domains.Domain;
import net.jqwik.api.domains.DomainContext;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Domain(Vocabulary.class)
@Domain(DomainContext.Global.class)
class IoMaxTest {
  private static final IoMax DEVICE = IoMax.device(8, 0);

  @Property
  void ioMax_printedAndParsed_isEqual(@ForAll IoMax max) {
    assertThat(IoMax.parse(max.toString())).isEqualTo(max).hasToString(max.toString());
  }

  @Property
  void path_any_isRefusedOrReadsBackWithItsRates(@ForAll("paths") Path path) {
    IoMax max;
    try {
      max = IoMax.path(path).readBytesPerSecond(1);
    } catch (IllegalArgumentException refused) {
      assertThat(path.toString()).matches(".* ([a-z]+=.*)?");
      return;
    }
    assertThat(IoMax.parse(max.toString())).isEqualTo(max);
  }

  @Provide
  Arbitrary<Path> paths() {
    return Arbitraries.oneOf(
        Vocabulary.paths(), Arbitraries.of("/a rbps=1", "/a x=1", "/a ").map(Path::of));
  }

  @Example
  void ioMax_text_isTheKernelsFormInItsOrder() {
    IoMax max = DEVICE.writesPerSecond(4).readsPerSecond(3).writeBytesPerSecond(2);
    assertThat(max.readBytesPerSecond(1)).hasToString("8:0 rbps=1 wbps=2 riops=3 wiops=4");
    assertThat(max).hasToString("8:0 wbps=2 riops=3 wiops=4");
  }

  @Example
  void rates_keptByKey_areUnmodifiable() {
    Map<String, Long> rates = DEVICE.readBytesPerSecond(1).readBytesPerSecond(2).rates();
    assertThat(rates).containsExactly(Map.entry("rbps", 2L)).isUnmodifiable();
  }

  @Example
  void path_relative_becomesAbsolute() {
    assertThat(IoMax.path(Path.of("some/file")).target())
        .isEqualTo(Path.of("some/file").toAbsolutePath().toString());
  }

  @Example
  void path_empty_isRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> IoMax.path(Path.of("")));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0, true",
    "4095, 1048575, true",
    "4096, 0, false",
    "0, 1048576, false",
    "-1, 0, false",
    "0, -1, false"
  })
  void device_numbers_areCheckedAlikeInBothForms(int major, int minor, boolean allowed) {
    String target = major + ":" + minor;
    if (allowed) {
      assertThat(IoMax.device(major, minor).target()).isEqualTo(target);
      assertThat(IoMax.parse(target + " rbps=1").target()).isEqualTo(target);
    } else {
      assertThatIllegalArgumentException().isThrownBy(() -> IoMax.device(major, minor));
      if (major >= 0 && minor >= 0) {
        assertThatIllegalArgumentException().isThrownBy(() -> IoMax.parse(target + " rbps=1"));
      }
    }
  }

  @Example
  void rate_outOfRange_isRefusedInBothForms() {
    List<LongFunction<IoMax>> setters =
        List.of(
            DEVICE::readBytesPerSecond,
            DEVICE::writeBytesPerSecond,
            DEVICE::readsPerSecond,
            DEVICE::writesPerSecond);
    for (LongFunction<IoMax> setter : setters) {
      for (long bad : new long[] {0, -1, Long.MIN_VALUE, Long.MAX_VALUE}) {
        assertThatIllegalArgumentException().isThrownBy(() -> setter.apply(bad));
      }
    }
    assertThatIllegalArgumentException().isThrownBy(() -> DEVICE.readsPerSecond(0xFFFF_FFFFL));
    assertThat(DEVICE.readsPerSecond(0xFFFF_FFFEL).rates()).containsEntry("riops", 4294967294L);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "8:0",
        "8:0 ",
        "rbps=1",
        " rbps=1",
        "8:0 max",
        "8:0 rbps",
        "8:0 rbps=",
        "8:0 rbps=max",
        "8:0 rbps=0",
        "8:0 rbps=-1",
        "8:0 rbps=1.5",
        "8:0 rbps=99999999999999999999",
        "8:0 rbps=1 rbps=1",
        "8:0 rbps=1,wbps=1",
        "8:0 rbsp=1",
        "8:0 rbsp=1 wbps=1",
        "8:0 rbps=1 extra",
        "99999999999999999999:0 rbps=1",
        "8:99999999999999999999 rbps=1",
        "/dev/sda\0 rbps=1"
      })
  void parse_anotherForm_isRefused(String text) {
    assertThatIllegalArgumentException().isThrownBy(() -> IoMax.parse(text));
  }

  @ParameterizedTest
  @ValueSource(strings = {"8:0 rbps=9223372036854775807", "8:0 rbps=1 rbps=1"})
  void parse_rateTooLargeOrTwice_isToldWhatIsAllowed(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> IoMax.parse(text))
        .withMessageContaining("each once and N of at most 18 digits");
  }

  @Example
  void parse_veryLong_isRefusedNotOverflowing() {
    String text = "8:0" + " rbps=1".repeat(100_000);
    assertThatIllegalArgumentException().isThrownBy(() -> IoMax.parse(text));
  }

  @Property
  void parse_anyText_isReadOrRefused(@ForAll("ioMaxLike") String text) {
    try {
      IoMax max = IoMax.parse(text);
      assertThat(IoMax.parse(max.toString())).isEqualTo(max);
    } catch (IllegalArgumentException refused) {
      assertThat(refused.getMessage()).isNotBlank();
    }
  }

  @Provide
  Arbitrary<String> ioMaxLike() {
    return Arbitraries.of(
            "8:0",
            "/dev/sda",
            "/a b",
            ".",
            " ",
            "  ",
            "=",
            "rbps=1",
            "wbps=2",
            "riops=",
            "x=3",
            "9",
            "max",
            "\n",
            "\0",
            "😀",
            "\uD83D",
            "0")
        .list()
        .ofMaxSize(6)
        .map(parts -> String.join("", parts));
  }
}

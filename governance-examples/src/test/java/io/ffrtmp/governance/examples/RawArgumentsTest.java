package io.ffrtmp.governance.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class RawArgumentsTest {
  @Property
  void last_anyArguments_comeBackEqual(
      @ForAll("arguments") List<String> ours, @ForAll("arguments") List<String> before) {
    List<String> all = new ArrayList<>(before);
    all.addAll(ours);
    byte[] strings =
        String.join("", all.stream().map(each -> each + "\0").toList())
            .getBytes(StandardCharsets.UTF_8);

    assertThat(RawArguments.last(ours.size(), strings)).isEqualTo(ours);
  }

  @Provide
  Arbitrary<List<String>> arguments() {
    return Arbitraries.of("", " ", "é", "🎬", "$(x)", "a\nb", "--", "-i", "\\", "@file").list();
  }

  @Test
  void last_notUtf8_isRefusedWithTheBytes() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> RawArguments.last(2, new byte[] {'x', 0, 'a', (byte) 0xff, 0}))
        .withMessageContaining("argument 2 'a\\xff'");
  }
}

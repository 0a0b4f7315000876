package io.ffrtmp.governance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.IntStream;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

class SignalTest {

  @Property
  void signal_anyNumber_isAllowedFrom1To64(@ForAll int number) {
    if (number >= 1 && number <= 64) {
      assertThat(new Signal(number).number()).isEqualTo(number);
    } else {
      assertThatIllegalArgumentException().isThrownBy(() -> new Signal(number));
    }
  }

  @Example
  void signal_edges_areChecked() {
    assertThatIllegalArgumentException().isThrownBy(() -> new Signal(0));
    assertThatIllegalArgumentException().isThrownBy(() -> new Signal(65));
    assertThat(new Signal(64).name()).isEmpty();
    assertThat(new Signal(32).name()).isEmpty();
  }

  /** From signal(7), the column of x86 and ARM. */
  @Example
  void name_constant_isTheKernels() {
    Map<Signal, String> names =
        Map.of(
            Signal.HUP,
            "1 SIGHUP",
            Signal.INT,
            "2 SIGINT",
            Signal.QUIT,
            "3 SIGQUIT",
            Signal.KILL,
            "9 SIGKILL",
            Signal.USR1,
            "10 SIGUSR1",
            Signal.USR2,
            "12 SIGUSR2",
            Signal.TERM,
            "15 SIGTERM",
            Signal.CONT,
            "18 SIGCONT",
            Signal.STOP,
            "19 SIGSTOP",
            new Signal(31),
            "31 SIGSYS");
    names.forEach(
        (signal, expected) ->
            assertThat(signal.number() + " " + signal.name().orElseThrow()).isEqualTo(expected));
  }

  @Example
  void name_everyStandardSignal_isWhatBashCallsIt() throws IOException {
    assumeTrue(Files.isExecutable(Path.of("/bin/bash")), "needs bash, which knows the names");
    Process bash =
        new ProcessBuilder("/bin/bash", "-c", "for n in {1..31}; do kill -l $n; done").start();
    String names = new String(bash.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    assertThat(IntStream.rangeClosed(1, 31).mapToObj(n -> new Signal(n).name().orElseThrow()))
        .containsExactlyElementsOf(names.lines().map("SIG"::concat).toList());
  }
}

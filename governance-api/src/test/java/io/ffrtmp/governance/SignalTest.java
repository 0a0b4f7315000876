package io.ffrtmp.governance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.util.Map;
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
  void name_everyStandardSignal_isWhatTheShellCallsIt() throws IOException, InterruptedException {
    for (int number = 1; number <= 31; number++) {
      Process shell = new ProcessBuilder("bash", "-c", "kill -l " + number).start();
      String name = new String(shell.getInputStream().readAllBytes()).strip();
      assertThat(shell.waitFor()).isZero();
      assertThat(new Signal(number).name()).contains("SIG" + name);
    }
  }
}

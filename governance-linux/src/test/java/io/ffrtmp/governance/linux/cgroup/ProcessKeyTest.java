package io.ffrtmp.governance.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class ProcessKeyTest {
  private static final String REST =
      " 1 2 3 4 5 4194560 7 8 9 10 11 12 13 14 15 16 %s 18 4711 20 21";

  private static String stat(String comm, String state, int threads) {
    return "77 (" + comm + ") " + state + String.format(REST, threads).substring(0);
  }

  @Test
  void alive_sameStart_whateverItsName() {
    assertThat(ProcessKey.alive(stat("a) Z 1 (b", "S", 1), 4711)).isTrue();
    assertThat(ProcessKey.alive(stat("x", "S", 1), 4712)).isFalse();
    assertThat(ProcessKey.alive(stat("x", "Z", 1), 4711)).as("dead").isFalse();
    assertThat(ProcessKey.alive(stat("x", "Z", 2), 4711)).as("only its leader ended").isTrue();
  }

  @Test
  void running_isFalseOnceItExits() {
    assertThat(ProcessKey.running(stat("x", "S", 1))).isTrue();
    assertThat(ProcessKey.running(stat("x", "Z", 1).replace("4194560", "4194564"))).isFalse();
  }

  @Test
  void alive_otherBootIsDeadAndOtherNamespaceMayLive() {
    ProcessKey self = ProcessKey.self();
    assertThat(self.alive()).isTrue();
    assertThat(ProcessKey.of(self.pid(), self.startTime() + 1).alive()).isFalse();
    assertThat(new ProcessKey(self.pid(), self.startTime(), "other", self.namespace()).alive())
        .isFalse();
    assertThat(new ProcessKey(1 << 22, 1, self.boot(), "pid:[1]").alive()).isTrue();
    assertThat(ProcessKey.of(1 << 22, 1).alive()).isFalse();
  }

  @Property
  void parse_readsBackWhatWasWritten(@ForAll int pid, @ForAll long start) {
    ProcessKey key = ProcessKey.of(pid, start);
    assertThat(ProcessKey.parse(key.toString())).isEqualTo(key);
  }
}

package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is asked of systemd, and what becomes of the asking; in JVMs with a systemctl of ours. */
@Tag("kernel")
class SystemdUnitKernelTest {
  @TempDir Path dir;

  static final class Asking {
    public static void main(String[] args) {
      SecondJvm.tell("told " + SystemdUnit.show("a.service", false));
      SecondJvm.tell("children " + JobTree.children());
    }
  }

  @Test
  void systemctl_thatAnswers_isUnderstood() throws Exception {
    systemctl("printf 'KillMode=process\\n=x\\n\\nDelegate=\\nSlice=a=b\\n'");
    try (SecondJvm jvm = asking()) {
      assertThat(jvm.hear("told")).isEqualTo("{Delegate=, KillMode=process, Slice=a=b}");
      assertThat(jvm.hear("children")).isEqualTo("[]");
    }
  }

  @Test
  void systemctl_thatNeverAnswers_isEndedAndLeavesNoZombie() throws Exception {
    Path file = Files.createFile(dir.resolve("file"));
    systemctl("exec tail -f " + file);
    try (SecondJvm jvm = asking()) {
      assertThat(jvm.hear("told")).isEqualTo("{}");
      assertThat(jvm.hear("children")).isEqualTo("[]");
    }
    assertThat(LinuxHost.processesWith(file.toString())).isEmpty();
  }

  private SecondJvm asking() throws Exception {
    LinuxHost.assumeProgram("timeout");
    String path = "PATH=" + dir + ":" + System.getenv("PATH");
    return SecondJvm.of(Asking.class).by("env", path).start();
  }

  private void systemctl(String text) throws Exception {
    Path program = Files.writeString(dir.resolve("systemctl"), "#!/bin/sh\n" + text + "\n");
    assertThat(program.toFile().setExecutable(true)).isTrue();
  }
}

package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;

import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Stdio;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Output goes to files or to what is inherited; there is no pipe between a workload and us. */
@Tag("kernel")
class OutputKernelTest extends RunContract {

  @Test
  void output_tenMegabytesToFiles_isComplete() throws Exception {
    JobResult result =
        governor.run(
            sh("head -c 10000000 /dev/zero; head -c 10000000 /dev/zero >&2")
                .stdout(Stdio.truncate(dir.resolve("out")))
                .stderr(Stdio.append(dir.resolve("err"))));
    assertThat(result.exitStatus()).contains(new Exited(0));
    assertThat(Files.size(dir.resolve("out"))).isEqualTo(10_000_000);
    assertThat(Files.size(dir.resolve("err"))).isEqualTo(10_000_000);
  }

  @Test
  void output_goesOnAfterDetach_everyByteArrives() throws Exception {
    Path out = dir.resolve("out");
    StartedJob job =
        governor.start(
            sh("until [ -e go ]; do sleep 0.02; done; head -c 10000000 /dev/zero; : > done")
                .stdout(Stdio.truncate(out)));
    job.detach();
    governor.close();
    Files.createFile(dir.resolve("go"));
    soon().until(() -> Files.exists(dir.resolve("done")));
    assertThat(Files.size(out)).isEqualTo(10_000_000);
  }

  @Test
  void descriptors_ofAWorkload_holdNoPipe() throws Exception {
    StartedJob job = startReady(held("ready"), "ready");
    assertThat(job.inheritedPipes()).isEmpty();
    for (int fd = 0; fd <= 2; fd++) {
      assertThat(link(job.pid(), fd)).isEqualTo("/dev/null");
    }
  }

  @Test
  void inheritedPipes_areToldAsTheyAre() throws Exception {
    StartedJob job =
        startReady(held("ready").stdout(Stdio.inherit()).stderr(Stdio.inherit()), "ready");
    List<Integer> pipes = new ArrayList<>();
    for (int fd = 1; fd <= 2; fd++) {
      assertThat(link(job.pid(), fd)).isEqualTo(link(ProcessHandle.current().pid(), fd));
      if (link(job.pid(), fd).matches("(pipe|socket):.*")) {
        pipes.add(fd);
      }
    }
    assertThat(job.inheritedPipes()).isEqualTo(pipes);

    StartedJob same =
        startReady(held("same").stdout(Stdio.inherit()).stderr(Stdio.sameAsStdout()), "same");
    assertThat(same.inheritedPipes()).isEqualTo(pipes.contains(1) ? List.of(1, 2) : List.of());
  }

  private static String link(long pid, int fd) throws IOException {
    return Files.readSymbolicLink(Path.of("/proc", pid + "", "fd", fd + "")).toString();
  }
}

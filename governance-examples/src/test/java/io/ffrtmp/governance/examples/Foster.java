package io.ffrtmp.governance.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Runs the command line under a parent that adopts and reaps what it leaves: some containers' PID 1
 * reaps nobody, and a zombie would keep its cgroup. Files tell its pid, and its status once it
 * ended.
 */
final class Foster implements AutoCloseable {
  /** Linux's PR_SET_CHILD_SUBREAPER is 36; the number of prctl(2) comes first. */
  private static final String TEXT =
      """
      my ($prctl, $pid_file, $status_file) = splice @ARGV, 0, 3;
      syscall($prctl, 36, 1, 0, 0, 0) == 0 or die "prctl: $!";
      sub report { my ($file, $text) = @_; open my $f, '>', "$file.new"; print $f $text; close $f; rename "$file.new", $file }
      my $pid = fork // die;
      if (!$pid) { exec @ARGV or exit 127 }
      report($pid_file, $pid);
      waitpid $pid, 0;
      report($status_file, $? & 127 ? 128 + ($? & 127) : $? >> 8);
      1 while wait != -1;
      """;

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final Path scratch;
  private final Path err;
  private final Process parent;

  Foster(Path scratch, String... arguments) throws IOException {
    this.scratch = scratch;
    this.err = scratch.resolve("err");
    String prctl = System.getProperty("os.arch").equals("aarch64") ? "167" : "157";
    List<String> command =
        new ArrayList<>(List.of("perl", "-e", TEXT, prctl, scratch + "/pid", scratch + "/status"));
    command.add(Cli.LAUNCHER.toString());
    command.addAll(List.of(arguments));
    parent =
        Cli.start(
            new ProcessBuilder(command)
                .redirectOutput(scratch.resolve("out").toFile())
                .redirectError(err.toFile()));
  }

  /** Sends a signal, by its name, to the command line. */
  void signal(String name) throws Exception {
    String pid = content("pid");
    assertThat(new ProcessBuilder("sh", "-c", "kill -" + name + " " + pid).start().waitFor())
        .isZero();
  }

  /** The status with which the command line ended. */
  int status() {
    return Integer.parseInt(content("status"));
  }

  String err() throws IOException {
    return Files.readString(err);
  }

  /** The first line of a file in the scratch directory, once it is there. */
  String content(String file) {
    return await("content of " + file)
        .atMost(PATIENCE)
        .until(() -> line(scratch.resolve(file)), Optional::isPresent)
        .orElseThrow();
  }

  private static Optional<String> line(Path file) throws IOException {
    return Files.exists(file) ? Files.readString(file).lines().findFirst() : Optional.empty();
  }

  /** Waits until everything that was started here has ended and was reaped. */
  @Override
  public void close() {
    await("end of all").atMost(PATIENCE).until(() -> !parent.isAlive());
  }
}

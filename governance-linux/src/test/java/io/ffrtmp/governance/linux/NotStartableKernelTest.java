package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.ffrtmp.governance.Ending.NeverStarted;
import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.StartFailedException;
import io.ffrtmp.governance.StartFailure;
import io.ffrtmp.governance.StartFailure.Fault;
import io.ffrtmp.governance.StartFailure.Step;
import io.ffrtmp.governance.Stdio;
import io.ffrtmp.governance.Verdict;
import io.ffrtmp.governance.Workload;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Commands that can't start: told as the workload's own fault, and nothing is left of them. */
@Tag("kernel")
class NotStartableKernelTest extends RunContract {

  @Test
  void program_missing() throws Exception {
    assertNotStartable(Workload.of("/no/such/program"), Step.PROGRAM, "ENOENT");
    assertNotStartable(Workload.of("no-such-program-anywhere"), Step.PROGRAM, "ENOENT");
    assertNotStartable(Workload.of("./none").directory(dir), Step.PROGRAM, "ENOENT");
  }

  @Test
  void program_notExecutable() throws Exception {
    Path plain = Files.writeString(dir.resolve("plain"), "#!/bin/sh\n");
    assertNotStartable(Workload.of(plain.toString()), Step.PROGRAM, "EACCES");
  }

  @Test
  void program_isADirectory() throws Exception {
    assertNotStartable(Workload.of(dir.toString()), Step.PROGRAM, "EACCES");
  }

  @Test
  void program_itsInterpreterIsMissing() throws Exception {
    Path script = executable("script", "#!/no/such/interpreter\n");
    assertNotStartable(Workload.of(script.toString()), Step.PROGRAM, "ENOENT");
  }

  @Test
  void program_hasNoFormat() throws Exception {
    Path text = executable("text", "echo this is no program\n");
    assertNotStartable(Workload.of(text.toString()), Step.PROGRAM, "ENOEXEC");
  }

  private Path executable(String file, String text) throws IOException {
    Path path = Files.writeString(dir.resolve(file), text);
    assertThat(path.toFile().setExecutable(true)).isTrue();
    return path;
  }

  @Test
  void command_tooLong() throws Exception {
    String huge = "x".repeat(128 * 1024);
    assertNotStartable(Workload.of("true", huge), Step.PROGRAM, "E2BIG");
    String[] many = Stream.generate(() -> huge.substring(9)).limit(64).toArray(String[]::new);
    assertNotStartable(Workload.of("true", many), Step.PROGRAM, "E2BIG");
  }

  @Test
  void directory_missingOrAFile() throws Exception {
    Path file = Files.createFile(dir.resolve("file"));
    Workload workload = Workload.of("true");
    assertNotStartable(workload.directory(dir.resolve("none")), Step.DIRECTORY, "ENOENT");
    assertNotStartable(workload.directory(file), Step.DIRECTORY, "ENOTDIR");
  }

  @Test
  void logFile_unwritable() throws Exception {
    Workload workload = Workload.of("true");
    assertNotStartable(
        workload.stdout(Stdio.append(dir.resolve("no/such/log"))), Step.STDIO, "ENOENT");
    assertNotStartable(workload.stderr(Stdio.truncate(dir)), Step.STDIO, "EISDIR");
    assertNotStartable(workload.stdin(dir.resolve("no-input")), Step.STDIO, "ENOENT");
  }

  @Test
  void logFile_ofAProgramThatIsMissing_isNeitherMadeNorEmptied() throws Exception {
    Path log = Files.writeString(dir.resolve("log"), "precious");
    Path absent = dir.resolve("absent");
    Workload workload =
        Workload.of("/no/such/program").stdout(Stdio.truncate(log)).stderr(Stdio.append(absent));
    assertNotStartable(workload, Step.PROGRAM, "ENOENT");
    assertThat(log).hasContent("precious");
    assertThat(absent).doesNotExist();
  }

  @Test
  void logFile_ofAProgramWithoutAFormat_isNotEmptied() throws Exception {
    Path log = Files.writeString(dir.resolve("log"), "precious");
    Path program = Files.writeString(dir.resolve("formless"), "neither ELF nor script");
    assertThat(program.toFile().setExecutable(true)).isTrue();
    Workload workload = Workload.of(program.toString()).stdout(Stdio.truncate(log));
    assertNotStartable(workload, Step.PROGRAM, "ENOEXEC");
    assertThat(log).hasContent("precious");
  }

  @Test
  void logFile_whereARequiredLimitIsNotToBeHad_isNotEmptied() throws Exception {
    Path log = Files.writeString(dir.resolve("log"), "precious");
    IoMax noSuchDisk = IoMax.device(249, 77).readBytesPerSecond(1 << 20);
    Workload workload = Workload.of("true").stdout(Stdio.truncate(log)).limitsRequired(true);
    assertThatThrownBy(() -> governor.run(workload.limits(Limits.NONE.ioMax(noSuchDisk))))
        .isInstanceOf(StartFailedException.class)
        .hasMessageContaining("io.max");
    assertThat(log).hasContent("precious");
  }

  private void assertNotStartable(Workload workload, Step step, String errno) throws IOException {
    int descriptors = HeldDescriptors.count();
    StartFailedException failed =
        catchThrowableOfType(
            StartFailedException.class,
            () -> governor.run(workload.jobId("never").limits(memory(64))));
    assertThat(failed).hasMessageContaining("never").hasMessageContaining(errno);
    JobResult result = failed.result();
    assertThat(result.verdict()).isEqualTo(Verdict.WORKLOAD_NOT_STARTABLE);
    assertThat(result.verdict().compliant()).isTrue();
    assertThat(result.pid()).isEmpty();
    assertThat(result.workloadEnded()).isFalse();
    StartFailure failure = ((NeverStarted) result.ending()).failure();
    assertThat(failure.fault()).isEqualTo(Fault.WORKLOAD);
    assertThat(failure.step()).as(failure.message()).isEqualTo(step);
    assertThat(failure.errno()).contains(errno);
    assertThat(JobResult.fromJson(result.toJson())).isEqualTo(result);

    assertThat(tree.existing("never")).isEmpty();
    assertThat(JobTree.children()).isEmpty();
    assertThat(HeldDescriptors.count()).isLessThanOrEqualTo(descriptors);
    assertThat(governor.jobs()).isEmpty();
  }
}

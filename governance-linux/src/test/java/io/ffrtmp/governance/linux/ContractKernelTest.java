package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.JobListener;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.contract.GovernorContract;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;

/** The contract that the governor for users' tests keeps too. */
@Tag("kernel")
class ContractKernelTest extends RunContract implements GovernorContract {
  private Optional<TargetUnit> unit = Optional.empty();

  @Override
  public Governor openWith(JobListener listener) {
    return open(LinuxGovernor.builder().listener(listener));
  }

  @Override
  public Workload exiting(int code) {
    return sh("exit " + code);
  }

  @Override
  public Workload lasting() {
    return Workload.of("sleep", "600");
  }

  @Override
  public Workload missing() {
    return Workload.of("/nonexistent/program");
  }

  @Override
  public long process() throws Exception {
    TargetUnit made = new TargetUnit();
    unit = Optional.of(made);
    return made.sleeper().pid();
  }

  @AfterEach
  void endUnit() throws Exception {
    if (unit.isPresent()) {
      unit.get().close();
    }
  }
}

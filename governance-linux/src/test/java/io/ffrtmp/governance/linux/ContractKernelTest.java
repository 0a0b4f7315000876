package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.JobListener;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.contract.GovernorContract;
import org.junit.jupiter.api.Tag;

/** The contract that the governor for users' tests keeps too. */
@Tag("kernel")
class ContractKernelTest extends RunContract implements GovernorContract {

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
}
